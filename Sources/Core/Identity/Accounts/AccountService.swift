import Audit
import Mail
package import Modules

/// Suspends, restores and closes accounts.
package final class AccountService: Sendable {
    private let database: any Database
    private let confirmation: Confirmation
    private let access: AccountAccessService
    private let events: IdentityEvents
    private let audit: AuditService
    private let mailer: Mailer

    init(
        database: any Database, confirmation: Confirmation, access: AccountAccessService, events: IdentityEvents,
        audit: AuditService, mailer: Mailer
    ) {
        self.database = database
        self.confirmation = confirmation
        self.access = access
        self.events = events
        self.audit = audit
        self.mailer = mailer
    }

    /// Suspends an account: it cannot be signed in to, and what ``AccountAccessService`` ends is not restored with it.
    /// - Throws: `not-found`, also for a suspended account.
    package func suspend(_ person: ID<Person>) async throws(Problem) {
        let ended = try await database.write { [access, events, audit] transaction -> AccountAccessService.Ended in
            guard try transaction.suspend(person) else {
                throw Problem(.notFound, detail: "There is no such account, or it is suspended already.")
            }
            try audit.record(AuditEvent("account.suspended", subject: person.text), in: transaction)
            try events.accountSuspended(person, in: transaction)
            return try access.end(
                person, because: "account suspended", event: Self.event(for: person), in: transaction)
        }
        access.invalidateCaches(after: ended)
    }

    /// Reopens an account that was suspended or closed. What was begun with it before does not continue.
    /// - Throws: `not-found`, also for an account that is open, and for one that was closed with an address that was
    ///   not verified.
    package func restore(_ person: ID<Person>) async throws(Problem) {
        let ended = try await database.write { [access, audit] transaction -> AccountAccessService.Ended in
            guard try transaction.reopen(person) else {
                throw Problem(
                    .notFound,
                    detail: "There is no such account, or it is neither suspended nor closed, or it was closed before "
                        + "its address was verified.")
            }
            try audit.record(AuditEvent("account.restored", subject: person.text), in: transaction)
            return try access.end(
                person, because: "account restored", event: Self.event(for: person), in: transaction)
        }
        access.invalidateCaches(after: ended)
    }

    /// Audit events without an actor, of the account.
    private static func event(for person: ID<Person>) -> (String, String, [String: String]) -> AuditEvent {
        { AuditEvent($0, subject: $1, target: person.text, details: $2) }
    }

    /// Closes the scope's account: it cannot be signed in to, and its sessions, API keys and invitations end. Its
    /// address and user name stay reserved, so that an administrator can reopen it; those of an account whose address
    /// is not verified are free at once, because the address may be another person's.
    /// - Throws: `confirmation-required`; `reauthentication-required` unless the caller has just signed in;
    ///   `last-administrator`, `sole-owner`.
    func close(_ scope: Scope, isConfirmed: Bool) async throws(Problem) -> AccountClosed {
        guard isConfirmed else {
            throw Problem(.confirmationRequired, detail: "Send ?confirm=true to close this account.")
        }
        let (email, ended) = try await confirmation.confirm(
            .nothing, demanding: .passwordOrCode, by: scope, for: "account.closed",
            preparing: { try $0.lockAdministrators() }
        ) { [access, events, audit, mailer] person, transaction -> (String, AccountAccessService.Ended) in
            if let refusal = try transaction.refusal(ofLeaving: person, .requested) { throw refusal }
            guard try transaction.close(person.id) else { throw Problem(.notFound) }
            if !person.isEmailVerified { try transaction.releaseAddress(of: person.id) }
            let ended = try access.end(person.id, because: "account closed", by: scope, in: transaction)
            try events.accountClosed(person, in: transaction)
            try audit.record(AuditEvent("account.closed", by: scope, subject: person.id.text), in: transaction)
            try mailer.send(
                .notice("account-closed", to: person, at: transaction.now, from: scope.address),
                ifVerified: person, in: transaction)
            return (person.email, ended)
        }
        access.invalidateCaches(after: ended)
        return AccountClosed(message: "The account is closed", email: email)
    }
}

extension Problem.Kind {
    package static let confirmationRequired = Self("confirmation-required", "This has to be confirmed", status: 400)
}
