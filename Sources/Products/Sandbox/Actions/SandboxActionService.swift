import Identity
import Modules

/// Lists what was done for sessions.
final class SandboxActionService: Sendable {
    private let database: any Database

    init(database: any Database) { self.database = database }

    func list(_ key: String, scope: Scope) async throws(Problem) -> [SandboxActionView] {
        let key = try SessionKey.known(key)
        return try await database.read { transaction in
            let session = try transaction.sandboxSession(key, in: scope)
            return try transaction.sandboxActions(of: session).map(SandboxActionView.init)
        }
    }
}
