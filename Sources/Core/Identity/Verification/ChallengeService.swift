import Audit
import Mail
import Modules
import Secrets

/// Sends challenges, takes them back, and says what that proves. Everything here happens within a caller's transaction.
struct ChallengeService: Sendable {
    /// Codes have few digits: their hashes are keyed, so that a copy of the database does not give them away.
    private let codeKey: [UInt8]
    /// The address that links begin with, without a slash at its end.
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

    /// Mails a link and a code, unless too many went to this person lately.
    /// - Parameters:
    ///   - email: where to; the person's own address unless it is to become that.
    ///   - person: locked, or not yet known to anybody else.
    ///   - isMailed: false where nothing is to be mailed and nobody is to notice: the mail counts as sent.
    /// - Returns: whether it counts as sent.
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
        let letter = Email(
            purpose.template,
            to: email,
            values: [
                "name": person.callingName, "link": "\(frontend)/\(purpose.page)?token=\(token)", "code": code,
                "expires": (transaction.now + purpose.linkLifetime).description,
                "code_expires": (transaction.now + Challenge.codeLifetime).description,
            ]
        )
        try mailer.send(letter, in: transaction)
        return true
    }

    /// What became of something that was sent back.
    enum Outcome: Sendable {
        /// It was right, and is used up. The person is locked.
        case proved(Challenge, Person)
        /// It was right once, and is used up already.
        case used(Person)
        /// Unknown, wrong, too late, tried too often, or of somebody who is shut out.
        case refused(ID<Person>?)
    }

    func redeem(_ proof: Proof, for purposes: [Challenge.Purpose], in transaction: Transaction) throws -> Outcome {
        let outcome =
            switch proof {
            case .link(let token): try redeem(link: token, for: purposes, in: transaction)
            case .code(let code, let email): try redeem(code: code, of: email, for: purposes[0], in: transaction)
            }
        // Of several mails one is answered; the others have nothing left to say.
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
        // Read again now that nobody else is at it.
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

    /// Takes a person's present address as proved.
    func accept(_ person: Person, by visitor: ClientInfo, in transaction: Transaction) throws -> Bool {
        guard try transaction.markEmailVerified(person.id) else { return false }
        try audit.record(
            AuditEvent(
                "email.verified", from: visitor, actor: person.id.text, organisation: person.organisation.text,
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

    /// Six digits. Eight random bytes make a number so large that the remainder favours none of them.
    private static func digits(from random: [UInt8]) -> String {
        let number = random.reduce(UInt64(0)) { $0 << 8 | UInt64($1) } % 1_000_000
        return String(String(1_000_000 + number).dropFirst())
    }
}
