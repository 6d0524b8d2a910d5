import Audit
package import Modules

/// Signs in with a name and a password, and with a second factor where the account has one.
final class SignInService: Sendable {
    private let database: any Database
    private let hasher: PasswordHasher
    private let loginThrottle: LoginThrottle
    private let secondFactors: SecondFactorVerifier
    private let knownDevices: KnownDeviceService
    private let sessions: SessionService
    private let audit: AuditService
    /// As ``IdentitySettings/takeSignIn``.
    private let takeSignIn: @Sendable (_ account: String) async -> Bool
    /// Where registrations tell nothing, neither does the sign-in that follows one: see ``RegistrationService``.
    private let requiresVerifiedAddress: Bool

    init(
        database: any Database, hasher: PasswordHasher, loginThrottle: LoginThrottle,
        secondFactors: SecondFactorVerifier,
        knownDevices: KnownDeviceService, sessions: SessionService, audit: AuditService, settings: IdentitySettings
    ) {
        takeSignIn = settings.takeSignIn
        requiresVerifiedAddress = !settings.registrationReveals
        self.database = database
        self.hasher = hasher
        self.loginThrottle = loginThrottle
        self.secondFactors = secondFactors
        self.knownDevices = knownDevices
        self.sessions = sessions
        self.audit = audit
    }

    /// Signs in with an address or a user name. An unknown name, a wrong password and a right one that is refused after
    /// too many failures or attempts take the same time and get the same response.
    /// - Throws: `invalid-credentials`, `invalid-second-factor`; `account-suspended` and `account-locked` only for the
    ///   right password.
    func signIn(_ credentials: Credentials, client: ClientInfo) async throws(Problem) -> SignInStep<SignedIn> {
        try await begin(try await authenticate(credentials, client: client), client)
    }

    /// A person whose secrets were verified, and which secrets those were.
    private struct Authenticated: Sendable {
        let person: Person
        let method: SignInMethod
    }

    /// Completes a sign-in for which ``signIn(_:client:)`` required a second factor.
    /// - Throws: `invalid-second-factor`, also for an expired `mfa_token` and one from before a change of the password;
    ///   `account-suspended`, `account-locked`.
    func signIn(_ answer: SecondFactorRequest, client: ClientInfo) async throws(Problem) -> SignInStep<SignedIn> {
        try await begin(.done(try await authenticate(answer, client: client), newDevice: nil), client)
    }

    private func authenticate(_ credentials: Credentials, client: ClientInfo) async throws(Problem)
        -> SignInStep<Authenticated>
    {
        guard let name = credentials.email ?? credentials.username else {
            throw Problem.invalid("/email", "is required, or username in its place")
        }
        let key = CanonicalText.accountKey(of: name.filter { !$0.isWhitespace })
        let person = try await database.read { try $0.person(signingInAs: key) }
        let attempt = LoginAttempt(of: person?.id, named: key, client: client)
        // The rate that the response shows counts names: one that counted the address and the user name of an account
        // together would tell that they belong together.
        let isWithinRate = await takeSignIn(attempt.account)
        let isRight = try await hasher.verify(credentials.password, against: person?.passwordHash)
        let isAccepted = isRight && (person?.isEmailVerified ?? false || !requiresVerifiedAddress)
        let finding = try await database.write { [self] transaction in
            try judge(
                attempt, isAccepted ? person : nil, code: credentials.mfaCode, isWithinRate: isWithinRate,
                in: transaction)
        }
        switch finding {
        case .wrong, .refused: throw invalidCredentials
        default: return try step(after: finding)
        }
    }

    private func authenticate(_ answer: SecondFactorRequest, client: ClientInfo) async throws(Problem)
        -> Authenticated
    {
        let challenge = secondFactors.challenge(answer.mfaToken)
        let finding = try await database.write { [self] transaction -> Finding in
            guard let challenge, challenge.expiresAt > transaction.now,
                let person = try transaction.person(challenge.person),
                challenge.isFor(person)
            else { return .wrongCode }
            return try judge(
                LoginAttempt(of: person.id, named: "", client: client), person, code: answer.mfaCode, in: transaction)
        }
        guard case .done(let done, _) = try step(after: finding) else { throw Problem(.invalidSecondFactor) }
        return done
    }

    // MARK: Deciding an attempt

    private enum Finding: Sendable {
        case wrong, wrongCode, refused, suspended
        case locked(Duration)
        case codeMissing(Person)
        case authenticated(Person, by: SignInMethod)
    }

    /// - Parameters:
    ///   - person: the account's person where the password was right; nil otherwise.
    ///   - isWithinRate: false refuses devices and networks that the account is not known to use.
    private func judge(
        _ attempt: LoginAttempt, _ person: Person?, code: String?, isWithinRate: Bool = true,
        in transaction: Transaction
    ) throws -> Finding {
        var counters = try loginThrottle.load(attempt, in: transaction)
        let verdict = isWithinRate || counters.isKnown ? counters.verdict : .refused
        let finding = try self.finding(verdict, person, code, attempt.client, in: transaction)
        switch finding {
        case .wrong, .wrongCode: counters.fail()
        case .authenticated: counters.succeed()
        case .refused, .suspended, .locked, .codeMissing: break
        }
        try loginThrottle.save(counters, in: transaction)
        try record(finding, attempt, in: transaction)
        return finding
    }

    private func finding(
        _ verdict: LoginThrottle.Verdict, _ person: Person?, _ code: String?, _ client: ClientInfo,
        in transaction: Transaction
    ) throws -> Finding {
        guard let person else { return .wrong }
        switch verdict {
        case .refused: return .refused
        case .locked(let time): return .locked(time)
        case .counts: break
        }
        guard !person.isSuspended else { return .suspended }
        guard try transaction.hasSecondFactor(person.id) else { return .authenticated(person, by: .password) }
        guard let code else { return .codeMissing(person) }
        return try secondFactors.spend(code, of: person, from: client, in: transaction)
            ? .authenticated(person, by: .secondFactor) : .wrongCode
    }

    private func record(_ finding: Finding, _ attempt: LoginAttempt, in transaction: Transaction) throws {
        let (outcome, reason): (AuditEvent.Outcome, String)
        switch finding {
        case .wrong: (outcome, reason) = (.failure, "password")
        case .wrongCode: (outcome, reason) = (.failure, "second factor")
        case .refused: (outcome, reason) = (.refused, "too many attempts")
        case .locked: (outcome, reason) = (.refused, "locked")
        case .suspended: (outcome, reason) = (.refused, "suspended")
        // The event of the session follows, or that of the code.
        case .codeMissing, .authenticated: return
        }
        let event = AuditEvent(
            "session.created", outcome: outcome, from: attempt.client, subject: loginThrottle.subject(of: attempt),
            details: ["reason": reason])
        try audit.record(event, in: transaction)
    }

    // MARK: The next step

    private func step(after finding: Finding) throws(Problem) -> SignInStep<Authenticated> {
        switch finding {
        case .wrong, .refused, .wrongCode: throw Problem(.invalidSecondFactor)
        case .locked(let time): throw Problem.accountLocked(for: time)
        case .suspended: throw Problem(.accountSuspended)
        case .codeMissing(let person): return .secondFactorRequired(try secondFactors.issueChallenge(to: person))
        case .authenticated(let person, let method):
            return .done(Authenticated(person: person, method: method), newDevice: nil)
        }
    }

    private func begin(_ step: SignInStep<Authenticated>, _ client: ClientInfo) async throws(Problem)
        -> SignInStep<SignedIn>
    {
        switch step {
        case .secondFactorRequired(let challenge): return .secondFactorRequired(challenge)
        case .done(let done, _):
            let device = try await knownDevices.add(for: done.person, client)
            return .done(
                try await sessions.begin(for: done.person, client: client, by: done.method), newDevice: device)
        }
    }

    private var invalidCredentials: Problem {
        let verification =
            requiresVerifiedAddress ? " A new account begins with the link in the e-mail to its address." : ""
        return Problem(
            .invalidCredentials,
            detail: "Check the address and the password. After several failed attempts even the right password is "
                + "refused for up to 15 minutes." + verification)
    }
}

extension Problem.Kind {
    package static let invalidCredentials = Self("invalid-credentials", "Invalid email or password", status: 401)
    package static let accountSuspended = Self("account-suspended", "This account is suspended", status: 403)
}
