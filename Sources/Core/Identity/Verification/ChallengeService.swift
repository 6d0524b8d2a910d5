import Audit
import Mail
import Modules
import Secrets

/// Sends challenges and redeems their proofs, within a caller's transaction.
final class ChallengeService: Sendable {
    /// Codes have six digits: their hashes are keyed, so that a copy of the database does not disclose them.
    private let codeKey: [UInt8]
    /// The base URL of links, without a slash at its end.
    private let frontend: String
    private let mailer: Mailer
    private let audit: AuditService
    private let events: IdentityEvents
    private let runtime: Runtime

    init(
        sealer: Sealer, frontend: String, mailer: Mailer, audit: AuditService, events: IdentityEvents, runtime: Runtime
    ) {
        codeKey = sealer.key(for: "verification codes")
        self.frontend = frontend
        self.mailer = mailer
        self.audit = audit
        self.events = events
        self.runtime = runtime
    }

    /// Mails a link and a code, within the limits of ``Challenge/pause`` and ``Challenge/mailsPerHour``.
    /// - Parameters:
    ///   - email: the recipient; differs from the person's address where that is to be changed.
    ///   - person: whose row is locked or not yet visible to other transactions.
    ///   - isMailed: false inserts the challenge without a mail, so that the caller's response does not depend on it.
    /// - Returns: false where a limit is reached.
    @discardableResult
    func send(
        _ purpose: Challenge.Purpose, to email: String, of person: Person, isMailed: Bool = true,
        in transaction: Transaction
    ) throws -> Bool {
        let token = Base64URL.encode(runtime.randomBytes(32))
        let code = Self.digits(from: runtime.randomBytes(8))
        let id: ID<Challenge> = runtime.id()
        let challenge = NewChallenge(
            id: id, person: person.id, purpose: purpose, email: email, linkHash: Digest.hex(token),
            codeHash: hash(code, id, person.id, purpose)
        )
        guard try transaction.insert(challenge) else { return false }
        guard isMailed else { return true }
        let message = Email(
            purpose.template,
            to: email,
            values: [
                "name": person.callingName, "link": "\(frontend)/\(purpose.page)?token=\(token)", "code": code,
                "expires": (transaction.now + purpose.linkLifetime).description,
                "code_expires": (transaction.now + Challenge.codeLifetime).description,
            ]
        )
        try mailer.send(message, in: transaction)
        return true
    }

    /// Does the work that ``send(_:to:of:isMailed:in:)`` does where a limit is reached, for an address that gets no
    /// e-mail: how long a request takes must not tell whether an account has the address.
    /// - Parameter person: the account that gets none; nil where no account has the address.
    func imitate(
        _ purpose: Challenge.Purpose, to email: EmailAddress, of person: Person?, in transaction: Transaction
    ) throws {
        let token = Base64URL.encode(runtime.randomBytes(32))
        let code = Self.digits(from: runtime.randomBytes(8))
        let (id, unknown): (ID<Challenge>, ID<Person>) = (runtime.id(), runtime.id())
        if person == nil { _ = try transaction.person(unknown) }
        let challenge = NewChallenge(
            id: id, person: unknown, purpose: purpose, email: email.text, linkHash: Digest.hex(token),
            codeHash: hash(code, id, unknown, purpose))
        _ = try transaction.insert(challenge)
    }

    /// The result of a proof.
    enum Outcome: Sendable {
        /// The proof is valid, and is used up. The person's row is locked.
        case proved(Challenge, Person)
        /// The proof was valid and has been used.
        case used(Person)
        /// The proof is unknown, wrong or expired, has no attempts left, or its account is suspended.
        case refused(ID<Person>?)
    }

    func redeem(_ proof: Proof, for purposes: [Challenge.Purpose], in transaction: Transaction) throws -> Outcome {
        let outcome =
            switch proof {
            case .link(let token): try redeem(link: token, for: purposes, in: transaction)
            case .code(let code, let email): try redeem(code: code, of: email, for: purposes[0], in: transaction)
            }
        // One proof ends every challenge of its purpose.
        if case .proved(let challenge, let person) = outcome {
            try transaction.endChallenges(of: person.id, for: [challenge.purpose])
        }
        return outcome
    }

    private func redeem(link token: String, for purposes: [Challenge.Purpose], in transaction: Transaction) throws
        -> Outcome
    {
        let hash = Digest.hex(token)
        guard let found = try transaction.challenge(withLink: hash), purposes.contains(found.purpose) else {
            return .refused(nil)
        }
        guard let person = try transaction.lockedPerson(found.person), !person.isSuspended else {
            return .refused(found.person)
        }
        // Read again under the lock.
        guard let challenge = try transaction.challenge(withLink: hash) else { return .refused(person.id) }
        if challenge.isEnded { return .used(person) }
        return try transaction.useLink(of: challenge.id) ? .proved(challenge, person) : .refused(person.id)
    }

    private func redeem(
        code: String, of email: EmailAddress, for purpose: Challenge.Purpose, in transaction: Transaction
    ) throws -> Outcome {
        guard let person = try transaction.lockedPerson(withAddress: email.key), !person.isSuspended else {
            return .refused(nil)
        }
        guard let challenge = try transaction.countTry(by: person.id, for: purpose),
            constantTimeEquals(challenge.codeHash.utf8, hash(code, challenge.id, person.id, purpose).utf8)
        else { return .refused(person.id) }
        return challenge.isEnded ? .used(person) : .proved(challenge, person)
    }

    /// Marks a person's present address as verified.
    /// - Returns: false where it was verified before.
    func accept(_ person: Person, by client: ClientInfo, in transaction: Transaction) throws -> Bool {
        guard try transaction.markEmailVerified(person.id) else { return false }
        try audit.record(
            AuditEvent(
                "email.verified", from: client, actor: person.id.text, organisation: person.organisation.text,
                subject: person.id.text),
            in: transaction
        )
        try events.emailVerified(person, in: transaction)
        return true
    }

    private func hash(_ code: String, _ id: ID<Challenge>, _ person: ID<Person>, _ purpose: Challenge.Purpose) -> String
    {
        Hex.encode(MessageAuthentication.code(Array("\(purpose.rawValue) \(person) \(id) \(code)".utf8), key: codeKey))
    }

    /// Six digits of eight random bytes: the bias of the remainder is below 10⁻¹³.
    private static func digits(from random: [UInt8]) -> String {
        let number = random.reduce(UInt64(0)) { $0 << 8 | UInt64($1) } % 1_000_000
        return String(String(1_000_000 + number).dropFirst())
    }
}
