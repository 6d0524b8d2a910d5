import Audit
import Modules

/// Lists and ends a person's own sessions.
final class DeviceService: Sendable {
    private let database: any Database
    private let sessions: SessionService
    private let audit: AuditService

    init(database: any Database, sessions: SessionService, audit: AuditService) {
        self.database = database
        self.sessions = sessions
        self.audit = audit
    }

    func list(_ scope: Scope, limit: Int, offset: Int) async throws(Problem) -> Page<Device> {
        let current: ID<Session>? = scope.session
        return try await database.read { transaction in
            let devices = try transaction.liveSessions(of: scope.person, limit: limit, offset: offset).map { device in
                var device = device
                device.isCurrent = device.id == current
                return device
            }
            return Page(
                data: devices, total: try transaction.countLiveSessions(of: scope.person), limit: limit, offset: offset)
        }
    }

    /// Ends one session of the scope's person.
    /// - Throws: `not-found`, also for a session of another person.
    func end(_ session: ID<Session>, scope: Scope) async throws(Problem) {
        try await database.write { [audit] transaction in
            guard try transaction.revoke(session, of: scope.person, because: "ended by its owner") else {
                throw Problem(.notFound, detail: "You have no such session.")
            }
            try audit.record(AuditEvent("session.ended", by: scope, subject: session.text), in: transaction)
        }
        sessions.noteRevoked([session], of: scope.person)
    }

    /// Ends the other sessions of the scope's person.
    /// - Parameter includesCurrent: whether the request's own session ends as well.
    /// - Returns: how many ended.
    func endAll(_ scope: Scope, includesCurrent: Bool) async throws(Problem) -> Ended {
        let kept: ID<Session>? = includesCurrent ? nil : scope.session
        let ended = try await database.write { [audit] transaction in
            let ended = try transaction.revokeSessions(of: scope.person, except: kept, because: "ended by its owner")
            for session in ended {
                try audit.record(AuditEvent("session.ended", by: scope, subject: session.text), in: transaction)
            }
            return ended
        }
        sessions.noteRevoked(ended, of: scope.person)
        return Ended(ended: ended.count)
    }
}
