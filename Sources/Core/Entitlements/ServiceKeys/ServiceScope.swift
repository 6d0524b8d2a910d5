import Identity
import Modules

/// The authenticated service key of a request and the organisation that it acts in.
struct ServiceScope: Sendable {
    let key: ServiceKey
    let organisation: ID<Organisation>

    /// - Throws: `insufficient-scope` for a meter that the key does not name.
    func require(_ meter: String) throws(Problem) {
        guard let meters = key.meters, !meters.contains(meter) else { return }
        throw Problem(
            .insufficientScope, detail: "The service key does not include the meter '\(meter.prefix(64))'.",
            members: ["meters": .array(meters.map { .string($0) })])
    }
}
