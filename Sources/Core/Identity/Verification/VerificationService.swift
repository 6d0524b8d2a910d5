import Audit
import Mail
package import Modules

/// Verifies e-mail addresses and changes them.
final class VerificationService: Sendable {
    private let database: any Database
    private let challenges: ChallengeService
    private let confirmation: Confirmation
    private let accountCache: AccountCache
    private let events: IdentityEvents
    private let audit: AuditService
    private let mailer: Mailer

    init(
        database: any Database, challenges: ChallengeService, confirmation: Confirmation, accountCache: AccountCache,
        events: IdentityEvents, audit: AuditService, mailer: Mailer
    ) {
        self.database = database
        self.challenges = challenges
        self.confirmation = confirmation
        self.accountCache = accountCache
        self.events = events
        self.audit = audit
        self.mailer = mailer
    }

    /// Redeems the proof of an account's present address, or of the one that replaces it.
    /// - Throws: `invalid-proof`; `proof-used`; `account-exists` where a new address belongs to another account by now.
    func verify(_ proof: Proof, client: ClientInfo) async throws(Problem) -> EmailVerified {
        do {
            let outcome = try await database.write { [self] transaction in
                try redeem(proof, client, in: transaction)
            }
            let (person, verified) = try outcome.get()
            accountCache.invalidate(person)
            return verified
        } catch {
            throw error.isDuplicate ? Problem(.accountExists) : error
        }
    }

    /// A failed attempt is a result and not an error, so that its count and its audit event are committed.
    private func redeem(_ proof: Proof, _ client: ClientInfo, in transaction: Transaction) throws
        -> Result<(ID<Person>, EmailVerified), Problem>
    {
        switch try challenges.redeem(proof, for: [.verifyEmail, .changeEmail], in: transaction) {
        case .proved(let challenge, let person) where challenge.purpose == .changeEmail:
            let email = try change(person, to: challenge.email, client, in: transaction)
            return .success((person.id, EmailVerified(email: email, alreadyVerified: false)))
        case .proved(_, let person):
            let isNew = try challenges.accept(person, by: client, in: transaction)
            return .success((person.id, EmailVerified(email: person.email, alreadyVerified: !isNew)))
        case .used(let person):
            try recordFailure("email.verified", person.id, client, in: transaction)
            return .failure(.proofUsed(proof))
        case .refused(let person):
            try recordFailure("email.verified", person, client, in: transaction)
            return .failure(.invalidProof(proof))
        }
    }

    /// Sends the mail of registration again. The response is the same whether or not the account exists, is verified
    /// or has reached the limit of mails. A request whose mail is sent takes longer, which discloses something five
    /// times an hour; others do the same work.
    func resend(to address: String, client: ClientInfo) async throws(Problem) -> Acknowledgement {
        let email = try EmailAddress(reading: address, at: "/email")
        try await database.write { [challenges, audit] transaction in
            let person = try transaction.lockedPerson(withAddress: email.key)
            var isSent = false
            if let person, !person.isSuspended, !person.isEmailVerified {
                isSent = try challenges.send(.verifyEmail, to: person.email, of: person, in: transaction)
            } else {
                try challenges.imitate(.verifyEmail, to: email, of: person, in: transaction)
            }
            try audit.record(
                AuditEvent(
                    "email.verification-requested", outcome: isSent ? .success : .refused, from: client,
                    subject: person?.id.text), in: transaction
            )
        }
        return Acknowledgement(
            message: "If this address belongs to an account and is not verified yet, an e-mail is sent to it.")
    }

    /// Sends a challenge to a new address, which replaces the present one once it is verified. A notice is mailed to
    /// the present one where that is verified.
    /// - Throws: what ``Confirmation`` throws; `too-many-mails`.
    func changeAddress(_ change: AddressChange, scope: Scope) async throws(Problem) -> Acknowledgement {
        let new = try EmailAddress(reading: change.newEmail, at: "/new_email")
        let known = try await confirmation.confirm(
            password: change.password, code: change.mfaCode, by: scope, for: "email.change-requested"
        ) { person, _ in person }
        guard new.key != CanonicalText.accountKey(of: known.email) else {
            throw Problem.invalid("/new_email", "is your address already")
        }
        let isSent = try await database.write { [challenges, audit, mailer] transaction -> Bool in
            guard let person = try transaction.lockedPerson(scope.person) else { throw Problem(.notFound) }
            // The response does not depend on whether another account has the address.
            let isFree = try transaction.person(named: new.key).map { $0.id == person.id } ?? true
            guard try challenges.send(.changeEmail, to: new.text, of: person, isMailed: isFree, in: transaction) else {
                return false
            }
            try mailer.send(
                .notice("email-change-requested", to: person, at: transaction.now, from: scope.address),
                ifVerified: person, in: transaction)
            try audit.record(
                AuditEvent(
                    "email.change-requested", outcome: isFree ? .success : .refused, by: scope,
                    subject: person.id.text),
                in: transaction)
            return true
        }
        guard isSent else {
            throw Problem(.tooManyMails, headers: ["Retry-After": String(Challenge.pause.components.seconds)])
        }
        return Acknowledgement(message: "Follow the link in the mail to the new address. Until then the old one stays.")
    }

    /// - Returns: the new address.
    private func change(_ person: Person, to address: String, _ client: ClientInfo, in transaction: Transaction) throws
        -> String
    {
        guard let email = EmailAddress(address) else {
            preconditionFailure("the address of a challenge is an e-mail address")
        }
        try events.addressChanging(person, in: transaction)
        try transaction.changeEmail(of: person.id, to: email)
        // Challenges that were mailed to the old address are void.
        try transaction.endChallenges(of: person.id)
        try mailer.send(
            .notice("email-changed", to: person, at: transaction.now, from: client.address), ifVerified: person,
            in: transaction)
        try audit.record(
            AuditEvent(
                "email.changed", from: client, actor: person.id.text, organisation: person.organisation.text,
                subject: person.id.text),
            in: transaction
        )
        return email.text
    }

    private func recordFailure(
        _ action: String, _ person: ID<Person>?, _ client: ClientInfo, in transaction: Transaction
    ) throws {
        try audit.record(AuditEvent(action, outcome: .failure, from: client, subject: person?.text), in: transaction)
    }
}

extension Email {
    /// A notice of an account's change: what happened, when, and from which network address.
    static func notice(_ template: String, to person: Person, at instant: Instant, from address: String) -> Email {
        Email(
            template, to: person.email,
            values: ["name": person.callingName, "when": instant.description, "address": address])
    }
}

extension Problem {
    static func invalidProof(_ proof: Proof) -> Problem {
        switch proof {
        case .link: Problem(.invalidProof)
        case .code:
            Problem(
                .invalidProof, title: "Invalid or expired code",
                detail: "Ask for a new one, or use the link in the mail.")
        }
    }

    static func proofUsed(_ proof: Proof) -> Problem {
        switch proof {
        case .link: Problem(.proofUsed)
        case .code: Problem(.proofUsed, title: "This code was used already")
        }
    }

    /// Whether a statement failed by a unique constraint.
    var isDuplicate: Bool { (cause as? StorageError)?.kind == .duplicate }
}

extension Problem.Kind {
    package static let invalidProof = Self("invalid-proof", "Invalid or expired verification token", status: 400)
    package static let proofUsed = Self("proof-used", "This link was used already", status: 400)
    package static let tooManyMails = Self(
        "too-many-mails", "Too many mails were sent. Please try again later.", status: 429)
}
