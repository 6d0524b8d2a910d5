import Audit
import Modules

/// Ends the access that others may have to an account whose address was never verified, when its address's owner takes
/// the account over by a password reset: another person may have registered the address.
final class AccountRecoveryService: Sendable {
    private let browserSessions: BrowserSessionService
    private let memberships: MembershipService
    private let apiKeys: APIKeyService
    private let events: IdentityEvents
    private let audit: AuditService

    init(
        browserSessions: BrowserSessionService, memberships: MembershipService, apiKeys: APIKeyService,
        events: IdentityEvents, audit: AuditService
    ) {
        self.browserSessions = browserSessions
        self.memberships = memberships
        self.apiKeys = apiKeys
        self.events = events
        self.audit = audit
    }

    /// Ends API keys, second factors, memberships in the personal organisation, invitations, known devices, exports and
    /// a scheduled erasure. The caller ends sessions and challenges.
    /// - Parameter person: whose row is locked, and whose address is not verified.
    func endAccess(to person: Person, _ client: ClientInfo, in transaction: Transaction) throws {
        // The lock excludes an acceptance of an invitation that has been read and not been committed.
        _ = try transaction.lock(person.organisation)
        let keys = try transaction.revokeKeys(of: person, because: Self.reason)
        let members = try transaction.removeOtherMembers(ofPersonalOrganisationOf: person)
        try transaction.revokeInvitations(of: person)
        try transaction.deleteSignInMeans(of: person.id)
        try transaction.expireReadyExports(of: person.id)
        _ = try transaction.cancelErasure(of: person.id)
        try audit.record(
            AuditEvent(
                "account.recovered", from: client, actor: person.id.text, organisation: person.organisation.text,
                subject: person.id.text, details: ["api_keys": "\(keys)", "members": "\(members.count)"]),
            in: transaction
        )
        for member in members {
            try events.memberRemoved(member, from: person.organisation, in: transaction)
        }
    }

    /// Makes a committed recovery effective on this node at once.
    func invalidateCaches() {
        browserSessions.invalidate()
        memberships.invalidate()
        apiKeys.invalidateCache()
    }

    private static let reason = "account recovered"
}
