import Audit
import Identity
import Modules

/// The authenticated service key of a request and the organisation that it acts in.
struct ServiceScope: Sendable {
    let key: ServiceKey
    let organisation: ID<Organisation>
    /// The request's id in audit rows.
    let requestID: String
    let address: String

    /// - Throws: `insufficient-scope` for a meter that the key does not name.
    func require(_ meter: String) throws(Problem) {
        guard let meters = key.meters, !meters.contains(meter) else { return }
        throw Problem(
            .insufficientScope, detail: "The service key does not include the meter '\(meter.prefix(64))'.",
            members: ["meters": .array(meters.map { .string($0) })])
    }
}

extension AuditEvent {
    /// An action of a product that runs elsewhere: it has no actor, and its details name the key.
    init(_ action: String, by scope: ServiceScope, subject: String? = nil, details: [String: String]) {
        let key = ["service_key": scope.key.id.text, "service_key_name": scope.key.name]
        self.init(
            action, organisation: scope.organisation.text, subject: subject, address: scope.address,
            requestID: scope.requestID, details: details.merging(key) { $1 })
    }
}
