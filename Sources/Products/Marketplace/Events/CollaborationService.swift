import Audit
import Identity
import Modules

/// The acceptance of collaborators: without it an organizer could add any account to an event and its chat.
final class CollaborationService: Sendable {
    private let database: any Database
    private let audit: AuditService

    init(database: any Database, audit: AuditService) {
        self.database = database
        self.audit = audit
    }

    /// The collaborator accepts. A repeat changes nothing.
    /// - Throws: `not-found`, also for the row of another person.
    func accept(_ id: ID<EventCollaborator>, scope: Scope) async throws(Problem) {
        try await database.write { [audit] transaction in
            try transaction.requireMarketplaceCaller(scope)
            guard try transaction.acceptCollaboration(id, by: scope.person) else {
                guard try transaction.hasCollaboration(id, of: scope.person) else { throw Problem(.notFound) }
                return
            }
            try audit.record(AuditEvent("collaboration.accepted", by: scope, subject: id.text), in: transaction)
        }
    }
}

extension Transaction {
    /// - Returns: false where it is accepted, or another person's.
    fileprivate func acceptCollaboration(_ id: ID<EventCollaborator>, by person: ID<Person>) throws -> Bool {
        try execute(
            """
            UPDATE marketplace_collaborators SET accepted_at = \(now), updated_at = \(now)
            WHERE id = \(id) AND user_id = \(person) AND accepted_at IS NULL
            """
        ) == 1
    }

    fileprivate func hasCollaboration(_ id: ID<EventCollaborator>, of person: ID<Person>) throws -> Bool {
        try first("SELECT id FROM marketplace_collaborators WHERE id = \(id) AND user_id = \(person)") != nil
    }
}
