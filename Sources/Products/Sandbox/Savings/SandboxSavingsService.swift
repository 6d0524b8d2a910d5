import Identity
import Modules

/// Reads what the instances of sessions saved.
final class SandboxSavingsService: Sendable {
    private let database: any Database

    init(database: any Database) { self.database = database }

    func savings(_ key: String, scope: Scope) async throws(Problem) -> SandboxSavings {
        let key = try SessionKey.known(key)
        return try await database.read { transaction in
            let session = try transaction.sandboxSession(key, in: scope)
            let end = min(session.endedAt ?? transaction.now, session.expiresAt)
            return SandboxSavings(try transaction.savingsLedger(of: session), until: end)
        }
    }
}
