import Modules
import Synchronization

/// The response to `GET /v1/usage` of one snapshot, encoded once: a snapshot in memory answers many requests.
final class UsageViewCache: Sendable {
    private let response = Mutex<PreencodedResponse<UsageView>?>(nil)

    /// - Throws: what the encoding throws.
    func response(_ view: () -> UsageView) throws(Problem) -> PreencodedResponse<UsageView> {
        if let known = response.withLock({ $0 }) { return known }
        let new = try PreencodedResponse(view())
        response.withLock { $0 = new }
        return new
    }
}
