import Modules

/// Performs calls that wait at the same time in one transaction, with one statement for each table
/// (``TransactionQueue``): one bucket is locked once for all of its callers.
final class QuotaQueue: Sendable {
    /// Calls of one transaction: the first one waits for all of them.
    static let callsMax = 512
    /// Transactions for the same calls.
    static let triesMax = 8

    let batches: QuotaBatchService
    private let queue: TransactionQueue<QuotaCall, QuotaOutcome>

    init(database: any Database, batches: QuotaBatchService) {
        self.batches = batches
        queue = TransactionQueue(.init(callsMax: Self.callsMax), refusal: "Too many requests are waiting.") {
            calls async throws(Problem) in
            try await Self.tried(calls, batches, database)
        }
    }

    /// Calls that wait for the next transaction.
    var waiting: Int { queue.waiting }

    /// Performs a call, together with those that wait at the same time.
    /// - Throws: what refuses this call alone; `overloaded` where too many calls wait; what the transaction fails with.
    func perform(_ call: QuotaCall) async throws(Problem) -> QuotaOutcome { try await queue.perform(call) }

    /// Runs the transaction, again where another one has changed the same rows. After a commit whose outcome is unknown
    /// it runs again too: operation keys and states tell what was committed, and a repeat changes nothing.
    private static func tried(
        _ calls: @escaping @Sendable () -> [QuotaCall], _ batches: QuotaBatchService, _ database: any Database
    ) async throws(Problem) -> [Result<QuotaOutcome, Problem>] {
        var unknown: Problem?
        var tries = 0
        while true {
            tries += 1
            do throws(Problem) {
                return try await database.write { try batches.perform(calls(), in: $0) }
            } catch {
                let failure = error.cause as? StorageError
                if failure?.kind == .outcomeUnknown, unknown == nil {
                    unknown = error
                } else if failure?.code != QuotaBatchService.conflictCode || tries == triesMax {
                    throw unknown ?? error
                }
            }
        }
    }
}
