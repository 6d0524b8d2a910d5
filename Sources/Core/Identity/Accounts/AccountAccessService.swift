import Audit
import Modules

/// Ends whatever an account was reached with, and whatever was begun with it that could take it or what it owns: where
/// its credentials may be in other hands, and where it is not to be used.
///
/// Every reset of a password, every suspension, every closing and every reopening passes here.
final class AccountAccessService: Sendable {
    private let sessions: SessionService
    private let apiKeys: APIKeyService
    private let audit: AuditService

    init(sessions: SessionService, apiKeys: APIKeyService, audit: AuditService) {
        self.sessions = sessions
        self.apiKeys = apiKeys
        self.audit = audit
    }

    /// What was ended. ``AccountAccessService/invalidateCaches(after:)`` makes it effective on this node at once.
    struct Ended: Sendable {
        let person: ID<Person>
        let sessions: [ID<Session>]
        /// The number of revoked API keys.
        let keys: Int
    }

    /// Ends the sessions, also the impersonations of and by the person, the API keys, the open challenges and the open
    /// invitations that the person sent. Memberships that were accepted remain.
    /// - Parameters:
    ///   - person: whose row is locked.
    ///   - challenges: the purposes whose challenges end. A new password may be asked for with a link that went to the
    ///     present address.
    ///   - event: the audit event of an action, with the id of what is ended and its details.
    func end(
        _ person: ID<Person>, because reason: String,
        challenges: [Challenge.Purpose] = Challenge.Purpose.allCases,
        event: (_ action: String, _ subject: String, _ details: [String: String]) -> AuditEvent,
        in transaction: Transaction
    ) throws -> Ended {
        try transaction.endChallenges(of: person, for: challenges)
        let keys = try apiKeys.revokeAll(
            of: person, because: reason, event: { event("api-key.revoked", $0, $1) }, in: transaction)
        for invitation in try transaction.revokeInvitations(by: person) {
            try audit.record(event("invitation.revoked", invitation.text, ["reason": reason]), in: transaction)
        }
        let ended = try transaction.revokeAllSessions(of: person, because: reason)
        return Ended(person: person, sessions: ended, keys: keys)
    }

    /// As ``end(_:because:challenges:event:in:)``, by an authenticated client.
    func end(
        _ person: ID<Person>, because reason: String,
        challenges: [Challenge.Purpose] = Challenge.Purpose.allCases, by scope: Scope, in transaction: Transaction
    ) throws -> Ended {
        try end(
            person, because: reason, challenges: challenges,
            event: { AuditEvent($0, by: scope, subject: $1, target: person, details: $2) }, in: transaction)
    }

    func invalidateCaches(after ended: Ended) {
        sessions.noteRevoked(ended.sessions, of: ended.person)
        apiKeys.invalidateCache()
    }
}
