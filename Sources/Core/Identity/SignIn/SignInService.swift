import Audit
package import Modules

/// The verbs of signing in: with a name and a password, and with a second factor where there is one.
struct SignInService: Sendable {
    let database: any Database
    let passwords: PasswordHasher
    let signInGuard: LoginThrottle
    let secondFactors: SecondFactorVerifier
    let sessions: SessionService
    let audit: AuditService
    let runtime: Runtime

    /// Signs in with an address or a user name. An unknown name, a wrong password and a right one that came after too many wrong ones
    /// take the same time and are answered alike.
    /// - Throws: `invalid-credentials`, `invalid-second-factor`; `account-suspended` and `account-locked`, told only to those who know the password.
    func signIn(_ request: Credentials, visitor: ClientInfo) async throws(Problem) -> SignInStep<SignedIn> {
        try await begin(try await prove(request, visitor: visitor), visitor)
    }

    /// Goes on where ``signIn(_:visitor:)`` asked for a code.
    /// - Throws: `invalid-second-factor`, `account-suspended`, `account-locked`.
    func signIn(_ request: SecondFactorAnswer, visitor: ClientInfo) async throws(Problem) -> SignInStep<SignedIn> {
        try await begin(.done(try await prove(request, visitor: visitor), newDevice: nil), visitor)
    }

    /// Finds out who somebody is, without a session: for doors that open one of another kind.
    func prove(_ request: Credentials, visitor: ClientInfo) async throws(Problem) -> SignInStep<Person> {
        guard let name = request.email ?? request.username else {
            throw Problem.invalid("/email", "is required, or username in its place")
        }
        let key = CanonicalText.key(of: name.filter { !$0.isWhitespace })
        let person = try await database.read { try $0.claimant(named: key) }
        let isRight = try await passwords.verify(request.password, against: person?.passwordHash)
        let guess = LoginAttempt(of: person?.id, named: key, visitor: visitor)
        let finding = try await database.write { transaction in
            try judge(guess, isRight ? person : nil, code: request.mfaCode, in: transaction)
        }
        switch finding {
        case .wrong, .refused: throw Self.invalidCredentials
        default: return try step(after: finding)
        }
    }

    /// - Throws: `invalid-second-factor` also for a token that is too old, and for one of somebody whose password changed since.
    func prove(_ request: SecondFactorAnswer, visitor: ClientInfo) async throws(Problem) -> Person {
        let challenge = secondFactors.challenge(request.mfaToken)
        let finding = try await database.write { transaction -> Finding in
            guard let challenge, challenge.expiresAt > transaction.now,
                let person = try transaction.person(challenge.person),
                challenge.isFor(person)
            else { return .wrongCode }
            return try judge(
                LoginAttempt(of: person.id, named: "", visitor: visitor), person, code: request.mfaCode, in: transaction
            )
        }
        guard case .done(let person, _) = try step(after: finding) else { throw Problem(.invalidSecondFactor) }
        return person
    }

    // MARK: Judging

    private enum Finding: Sendable {
        case wrong, wrongCode, refused, suspended
        case locked(Duration)
        case codeMissing(Person)
        case proven(Person)
    }

    /// - Parameter person: who proved to know the password of the account; nil where it was wrong, or where there is no such account.
    private func judge(_ guess: LoginAttempt, _ person: Person?, code: String?, in transaction: Transaction) throws
        -> Finding
    {
        var door = try signInGuard.open(guess, in: transaction)
        let finding = try self.finding(at: door, person, code, guess.visitor, in: transaction)
        switch finding {
        case .wrong, .wrongCode: door.fail()
        case .proven: door.succeed()
        case .refused, .suspended, .locked, .codeMissing: break
        }
        try signInGuard.close(door, in: transaction)
        try record(finding, guess, in: transaction)
        return finding
    }

    private func finding(
        at door: Door, _ person: Person?, _ code: String?, _ visitor: ClientInfo, in transaction: Transaction
    ) throws -> Finding {
        guard let person else { return .wrong }
        switch door.verdict {
        case .refused: return .refused
        case .locked(let time): return .locked(time)
        case .counts: break
        }
        guard !person.isSuspended else { return .suspended }
        guard try transaction.hasSecondFactor(person.id) else { return .proven(person) }
        guard let code else { return .codeMissing(person) }
        return try secondFactors.spend(code, of: person, from: visitor, in: transaction) ? .proven(person) : .wrongCode
    }

    private func record(_ finding: Finding, _ guess: LoginAttempt, in transaction: Transaction) throws {
        let (outcome, reason): (AuditEvent.Outcome, String)
        switch finding {
        case .wrong: (outcome, reason) = (.failure, "password")
        case .wrongCode: (outcome, reason) = (.failure, "second factor")
        case .refused: (outcome, reason) = (.refused, "too many failures")
        case .locked: (outcome, reason) = (.refused, "locked")
        case .suspended: (outcome, reason) = (.refused, "suspended")
        // The session's own row follows, or the answer to the code.
        case .codeMissing, .proven: return
        }
        let event = AuditEvent(
            "session.created", outcome: outcome, from: guess.visitor, subject: signInGuard.subject(of: guess),
            details: ["reason": reason])
        try audit.record(event, in: transaction)
    }

    // MARK: What follows

    private func step(after finding: Finding) throws(Problem) -> SignInStep<Person> {
        switch finding {
        case .wrong, .refused, .wrongCode: throw Problem(.invalidSecondFactor)
        case .locked(let time): throw Problem.accountLocked(for: time)
        case .suspended: throw Problem(.accountSuspended)
        case .codeMissing(let person): return .secondFactorAsked(try secondFactors.issueChallenge(to: person))
        case .proven(let person): return .done(person, newDevice: nil)
        }
    }

    private func begin(_ step: SignInStep<Person>, _ visitor: ClientInfo) async throws(Problem) -> SignInStep<SignedIn>
    {
        switch step {
        case .secondFactorAsked(let question): return .secondFactorAsked(question)
        case .done(let person, _):
            let device = try await newDevice(for: person, visitor)
            return .done(try await sessions.begin(for: person, visitor: visitor), newDevice: device)
        }
    }

    /// Makes the browser known that somebody just signed in with.
    /// - Returns: the token that it shall keep; nil where it has one.
    func newDevice(for person: Person, _ visitor: ClientInfo) async throws(Problem) -> DeviceToken? {
        let shown = visitor.deviceToken.map { KnownDevice(device: "token \($0)", of: person.id.text) }
        let new = DeviceToken(runtime: runtime)
        return try await database.write { transaction in
            if let shown, try transaction.familiarPlaces(of: person.id, among: [shown]).contains(shown) {
                try transaction.remember(shown, of: person.id)
                return nil
            }
            try transaction.remember(new.place(of: person.id), of: person.id)
            return new
        }
    }

    private static let invalidCredentials = Problem(
        .invalidCredentials,
        detail:
            "Check the address and the password. After several failed attempts even the right password is refused for up to 15 minutes."
    )
}

extension Problem.Kind {
    package static let invalidCredentials = Self("invalid-credentials", "Invalid email or password", status: 401)
    package static let accountSuspended = Self("account-suspended", "This account is suspended", status: 403)
}
