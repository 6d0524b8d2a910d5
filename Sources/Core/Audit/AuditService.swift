package import Modules
import Secrets

/// Writes events to the audit trail.
package final class AuditService: Sendable {
    private let keys: AuditKeys
    private let runtime: Runtime

    init(keys: AuditKeys, runtime: Runtime) {
        self.keys = keys
        self.runtime = runtime
    }

    /// Writes one event. The row exists if and only if `transaction` commits.
    package func record(_ event: AuditEvent, in transaction: Transaction) throws {
        try record(event, id: runtime.id(), in: transaction)
    }

    /// Writes one event under an id that the caller has chosen. The time is the transaction's.
    func record(_ event: AuditEvent, id: ID<AuditEvent>, in transaction: Transaction) throws {
        let position = try transaction.reserveAuditPosition(fallback: Int64(runtime.randomBytes(1)[0]))
        let salt = Hex.encode(runtime.randomBytes(16))
        var row = AuditRow(event, id: id, at: transaction.now, position: position, salt: salt)
        row.hash = row.link(after: position.previous)
        row.seal = keys.seal(of: row.hash)
        try transaction.insert(row)
    }
}
