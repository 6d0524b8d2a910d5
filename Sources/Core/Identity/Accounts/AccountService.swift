import Audit
import Mail
package import Modules

/// Suspends, restores and closes accounts.
package final class AccountService: Sendable {
    private let database: any Database
    private let confirmation: Confirmation
    private let sessions: SessionService
    private let apiKeys: APIKeyService
    private let events: IdentityEvents
    private let audit: AuditService
    private let mailer: Mailer

    init(
        database: any Database, confirmation: Confirmation, sessions: SessionService, apiKeys: APIKeyService,
        events: IdentityEvents, audit: AuditService, mailer: Mailer
    ) {
        self.database = database
        self.confirmation = confirmation
        self.sessions = sessions
        self.apiKeys = apiKeys
        self.events = events
        self.audit = audit
        self.mailer = mailer
    }

    /// Suspends an account: it cannot be signed in to, its API keys are refused and its sessions end.
    /// - Throws: `not-found`, also for a suspended account.
    package func suspend(_ person: ID<Person>) async throws(Problem) {
        let ended = try await database.write { [audit] transaction -> [ID<Session>] in
            guard try transaction.suspend(person) else {
                throw Problem(.notFound, detail: "There is no such account, or it is suspended already.")
            }
            try audit.record(AuditEvent("account.suspended", subject: person.text), in: transaction)
            return try transaction.revokeAllSessions(of: person, because: "account suspended")
        }
        sessions.noteRevoked(ended, of: person)
        apiKeys.invalidateCache()
    }

    /// Reopens an account that was suspended or closed.
    /// - Throws: `not-found`, also for an account that is open, and for one that was closed with an address that was
    ///   not verified.
    package func restore(_ person: ID<Person>) async throws(Problem) {
        defer { sessions.accountCache.invalidate(person) }
        try await database.write { [audit] transaction in
            guard try transaction.reopen(person) else {
                throw Problem(
                    .notFound,
                    detail: "There is no such account, or it is neither suspended nor closed, or it was closed before "
                        + "its address was verified.")
            }
            try audit.record(AuditEvent("account.restored", subject: person.text), in: transaction)
        }
    }

    /// Closes the scope's account: its sessions end and it cannot be signed in to. Its address and user name stay
    /// reserved, so that an administrator can reopen it; those of an account whose address is not verified are free at
    /// once, because the address may be another person's.
    /// - Throws: `confirmation-required`; `reauthentication-required` unless the caller has just signed in;
    ///   `last-administrator`, `sole-owner`.
    func close(_ scope: Scope, isConfirmed: Bool) async throws(Problem) -> AccountClosed {
        guard isConfirmed else {
            throw Problem(.confirmationRequired, detail: "Send ?confirm=true to close this account.")
        }
        let (email, ended) = try await confirmation.confirm(
            .nothing, demanding: .passwordOrCode, by: scope, for: "account.closed",
            preparing: { try $0.lockAdministrators() }
        ) { [events, audit, mailer] person, transaction -> (String, [ID<Session>]) in
            if let refusal = try transaction.refusal(ofLeaving: person, .requested) { throw refusal }
            guard try transaction.close(person.id) else { throw Problem(.notFound) }
            if !person.isEmailVerified { try transaction.releaseAddress(of: person.id) }
            try transaction.endChallenges(of: person.id)
            let ended = try transaction.revokeAllSessions(of: person.id, because: "account closed")
            try events.accountClosed(person, in: transaction)
            try audit.record(AuditEvent("account.closed", by: scope, subject: person.id.text), in: transaction)
            try mailer.send(
                .notice("account-closed", to: person, at: transaction.now, from: scope.address),
                ifVerified: person, in: transaction)
            return (person.email, ended)
        }
        sessions.noteRevoked(ended, of: scope.person)
        return AccountClosed(message: "The account is closed", email: email)
    }
}

extension Problem.Kind {
    package static let confirmationRequired = Self("confirmation-required", "This has to be confirmed", status: 400)
}
