import Audit
import Mail
package import Modules

/// The verbs of proving an address.
struct VerificationService: Sendable {
    let database: any Database
    let challenges: ChallengeService
    let confirmation: Confirmation
    let audit: AuditService
    let mailer: Mailer

    /// Takes back what was mailed to prove an address: to the one that an account has, or to the one that it is to have.
    /// - Throws: `invalid-proof`; `proof-used`; `account-exists` when a new address became somebody else's meanwhile.
    func verify(_ proof: Proof, visitor: ClientInfo) async throws(Problem) -> EmailVerified {
        do {
            let outcome = try await database.write { transaction in try redeem(proof, visitor, in: transaction) }
            return try outcome.get()
        } catch {
            throw error.isDuplicate ? Problem(.accountExists) : error
        }
    }

    /// A failed try is counted and audited although it is refused: the refusal is an outcome of the transaction, and does not undo it.
    private func redeem(_ proof: Proof, _ visitor: ClientInfo, in transaction: Transaction) throws -> Result<
        EmailVerified, Problem
    > {
        switch try challenges.redeem(proof, for: [.verifyEmail, .changeEmail], in: transaction) {
        case .proved(let challenge, let person):
            if challenge.purpose == .changeEmail {
                return .success(
                    EmailVerified(
                        email: try change(person, to: challenge.email, visitor, in: transaction), alreadyVerified: false
                    ))
            }
            return .success(
                EmailVerified(
                    email: person.email, alreadyVerified: try !challenges.accept(person, by: visitor, in: transaction)))
        case .used(let person):
            try recordFailure("email.verified", person.id, visitor, in: transaction)
            return .failure(.proofUsed(proof))
        case .refused(let person):
            try recordFailure("email.verified", person, visitor, in: transaction)
            return .failure(.invalidProof(proof))
        }
    }

    /// Sends the mail of registration once more. Whether there is such an account, whether it is proved and whether it got too many of them
    /// is no business of a stranger: all are answered alike. How long it takes tells a little more, five times an hour for one address.
    func resend(to address: String, visitor: ClientInfo) async throws(Problem) -> Acknowledgement {
        let email = try EmailAddress(reading: address, at: "/email")
        try await database.write { transaction in
            let person = try transaction.lockedPerson(withAddress: email.key)
            var isSent = false
            if let person, !person.isSuspended, !person.isEmailVerified {
                isSent = try challenges.send(.verifyEmail, to: person.email, of: person, in: transaction)
            }
            try audit.record(
                AuditEvent(
                    "email.verification-requested", outcome: isSent ? .success : .refused, from: visitor,
                    subject: person?.id.text), in: transaction
            )
        }
        return Acknowledgement(
            message: "If this address belongs to an account and is not verified yet, a mail is on its way to it.")
    }

    /// Lets somebody have another address, once they have proved that they read it. The old one is told of the wish.
    /// - Throws: `wrong-password`; `too-many-mails`.
    func changeAddress(_ request: AddressChange, scope: Scope) async throws(Problem) -> Acknowledgement {
        let new = try EmailAddress(reading: request.newEmail, at: "/new_email")
        let known = try await confirmation.confirm(password: request.password, by: scope, for: "email.change-requested")
        { person, _ in person }
        guard new.key != CanonicalText.key(of: known.email) else {
            throw Problem.invalid("/new_email", "is your address already")
        }
        let isSent = try await database.write { transaction -> Bool in
            guard let person = try transaction.lockedPerson(scope.person) else { throw Problem(.notFound) }
            // Whether somebody else has the address is told to nobody: the caller's side of it is the same in every way.
            let isFree = try transaction.person(named: new.key).map { $0.id == person.id } ?? true
            guard try challenges.send(.changeEmail, to: new.text, of: person, isMailed: isFree, in: transaction) else {
                return false
            }
            try mailer.send(
                .notice("email-change-requested", to: person, at: transaction.now, from: scope.address), in: transaction
            )
            try audit.record(
                AuditEvent(
                    "email.change-requested", outcome: isFree ? .success : .refused, by: scope, subject: person.id.text),
                in: transaction)
            return true
        }
        guard isSent else {
            throw Problem(.tooManyMails, headers: ["Retry-After": String(Challenge.pause.components.seconds)])
        }
        return Acknowledgement(message: "Follow the link in the mail to the new address. Until then the old one stays.")
    }

    /// - Returns: the new address.
    private func change(_ person: Person, to address: String, _ visitor: ClientInfo, in transaction: Transaction) throws
        -> String
    {
        guard let email = EmailAddress(address) else {
            preconditionFailure("an address that a mail went to is an address")
        }
        try transaction.changeEmail(of: person.id, to: email)
        // What was sent to the old address is in the hands of whoever reads that.
        try transaction.endChallenges(of: person.id)
        try mailer.send(
            .notice("email-changed", to: person, at: transaction.now, from: visitor.address), in: transaction)
        try audit.record(
            AuditEvent(
                "email.changed", from: visitor, actor: person.id.text, organisation: person.organisation.text,
                subject: person.id.text),
            in: transaction
        )
        return email.text
    }

    private func recordFailure(
        _ action: String, _ person: ID<Person>?, _ visitor: ClientInfo, in transaction: Transaction
    ) throws {
        try audit.record(AuditEvent(action, outcome: .failure, from: visitor, subject: person?.text), in: transaction)
    }
}

extension Email {
    /// Tells somebody what happened to their account, when, and from which network address.
    static func notice(_ template: String, to person: Person, at instant: Instant, from address: String) -> Email {
        Email(
            template, to: person.email,
            values: ["name": person.callingName, "when": instant.description, "address": address])
    }
}

extension Problem {
    /// What came is not, or no longer, what was mailed.
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

    /// Whether a statement was refused because a value that is unique is taken.
    var isDuplicate: Bool { (cause as? StorageError)?.kind == .duplicate }
}

extension Problem.Kind {
    package static let invalidProof = Self("invalid-proof", "Invalid or expired verification token", status: 400)
    package static let proofUsed = Self("proof-used", "This link was used already", status: 400)
    package static let tooManyMails = Self(
        "too-many-mails", "Too many mails were sent. Please try again later.", status: 429)
}
