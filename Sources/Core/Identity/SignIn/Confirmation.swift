import Audit
package import Modules

/// Requires the password, and where asked a second factor, of an authenticated person again: before operations that a
/// stolen session must not permit.
package final class Confirmation: Sendable {
    private let database: any Database
    private let hasher: PasswordHasher
    private let loginThrottle: LoginThrottle
    private let secondFactors: SecondFactorVerifier
    private let audit: AuditService

    init(
        database: any Database, hasher: PasswordHasher, loginThrottle: LoginThrottle,
        secondFactors: SecondFactorVerifier,
        audit: AuditService
    ) {
        self.database = database
        self.hasher = hasher
        self.loginThrottle = loginThrottle
        self.secondFactors = secondFactors
        self.audit = audit
    }

    /// Runs `body` in the transaction that verified the secrets. A failure counts as a failed sign-in does, and is
    /// audited as a failed `action`.
    /// - Parameters:
    ///   - code: of the authenticator, or a recovery code.
    ///   - action: the name of the audit event of a failure.
    /// - Throws: `wrong-password`, `invalid-second-factor`, `account-locked`; `reauthentication-required` where the
    ///   code is missing; `token-expired`; what `body` throws.
    func confirm<Result: Sendable>(
        password: String,
        code: String? = nil,
        demanding demand: Demand = .passwordAndCode,
        by scope: Scope,
        for action: String,
        then body: @escaping @Sendable (Person, Transaction) throws -> Result
    ) async throws(Problem) -> Result {
        try await confirm(
            Given(password: password, code: code), demanding: demand, by: scope, for: action, then: body)
    }

    /// As ``confirm(password:code:demanding:by:for:then:)``, for operations that do not always require the password.
    /// - Parameters:
    ///   - given: every secret that the client sent has to be right.
    ///   - prepare: takes the locks that have to be taken before that of the person.
    package func confirm<Result: Sendable>(
        _ given: Given,
        demanding demand: Demand,
        by scope: Scope,
        for action: String,
        preparing prepare: @escaping @Sendable (Transaction) throws -> Void = { _ in },
        then body: @escaping @Sendable (Person, Transaction) throws -> Result
    ) async throws(Problem) -> Result {
        guard let read = try await database.read({ try $0.person(scope.person) }) else { throw Problem(.notFound) }
        var isRight: Bool?
        if let password = given.password {
            isRight = try await hasher.verify(password, against: read.passwordHash)
        }
        let verified = isRight
        let outcome = try await database.write { [self] transaction -> Outcome<Result> in
            try prepare(transaction)
            // The account and the session may have changed while the password was being verified.
            let person = try transaction.requireCaller(scope)
            guard let session = scope.session, let signedInAt = try transaction.signInTime(of: session) else {
                throw Problem(.tokenExpired)
            }
            let evidence = Evidence(
                isPasswordRight: verified.map { $0 && person.passwordHash == read.passwordHash },
                hasSecondFactor: try transaction.hasSecondFactor(person.id), demand: demand, code: given.code)
            guard evidence.isGiven else {
                let isRecent = demand == .passwordOrCode && transaction.now - signedInAt < Self.recency
                guard demand == .session || isRecent else { return .refused(.missing) }
                return .done(try body(person, transaction))
            }
            var counters = try loginThrottle.load(LoginAttempt(in: scope), in: transaction)
            let failure = try failure(evidence, demand, person, counters.verdict, scope, in: transaction)
            switch failure {
            // One of two secrets must not reset the count of failures at the other.
            case nil: if evidence.isComplete { counters.succeed() }
            // As at sign-in, the right password without the code neither counts nor resets what was counted.
            case .missing: return .refused(.missing)
            case .password, .code, .locked: counters.fail()
            }
            try loginThrottle.save(counters, in: transaction)
            if let failure {
                try audit.record(
                    AuditEvent(
                        action, outcome: .failure, by: scope, subject: person.id.text,
                        details: ["reason": failure.reason]), in: transaction)
                return .refused(failure)
            }
            return .done(try body(person, transaction))
        }
        switch outcome {
        case .done(let result): return result
        case .refused(.missing): throw Problem(.reauthenticationRequired)
        case .refused(.password): throw Problem(.wrongPassword)
        case .refused(.code): throw Problem(.invalidSecondFactor)
        case .refused(.locked(let time)): throw Problem.accountLocked(for: time)
        }
    }

    private enum Outcome<Result: Sendable>: Sendable {
        case done(Result)
        case refused(Failure)
    }

    private enum Failure: Sendable {
        case missing, password, code
        case locked(Duration)

        var reason: String {
            switch self {
            case .missing: "missing"
            case .password: "password"
            case .code: "second factor"
            case .locked: "locked"
            }
        }
    }

    /// - Returns: nil where the secrets satisfy the demand and the throttle permits the attempt.
    private func failure(
        _ evidence: Evidence, _ demand: Demand, _ person: Person, _ verdict: LoginThrottle.Verdict, _ scope: Scope,
        in transaction: Transaction
    ) throws -> Failure? {
        guard evidence.isPasswordRight ?? true, verdict != .refused else {
            return evidence.isPasswordRight == nil ? .code : .password
        }
        if case .locked(let time) = verdict { return .locked(time) }
        guard evidence.asksForCode else { return nil }
        guard let code = evidence.code else { return demand.isMetByPasswordAlone ? nil : .missing }
        let client = ClientInfo(address: scope.address, requestID: scope.requestID, userAgent: nil)
        return try secondFactors.spend(code, of: person, from: client, in: transaction) ? nil : .code
    }
}

// MARK: What is required

extension Confirmation {
    /// What a route documents whose service confirms.
    package static let problems: [Problem.Kind] = [
        .reauthenticationRequired, .wrongPassword, .invalidSecondFactor, .accountLocked,
    ]

    /// How long a sign-in counts as a confirmation where no secret is sent.
    static let recency: Duration = .minutes(5)

    /// The secrets that a client sent with a request.
    package struct Given: Sendable {
        var password: String?
        /// Of the authenticator, or a recovery code. It is ignored for an account without a second factor.
        var code: String?

        package static let nothing = Given(password: nil, code: nil)

        package init(password: String?, code: String?) {
            self.password = password
            self.code = code
        }
    }

    /// What a person who is signed in has to send again.
    package enum Demand: Sendable {
        /// The password alone, for the setup of a second factor.
        case password
        /// The password, and the code where a second factor is enabled.
        case passwordAndCode
        /// One of both, unless the sign-in is younger than ``recency``.
        case passwordOrCode
        /// Nothing: that the account is in use and the session has not ended is sufficient.
        case session

        fileprivate var asksForCode: Bool { self != .password }
        fileprivate var isMetByPasswordAlone: Bool { self == .passwordOrCode || self == .session }
    }

    /// What the transaction knows of the secrets before a code is spent.
    private struct Evidence: Sendable {
        /// Nil where no password was sent.
        let isPasswordRight: Bool?
        let hasSecondFactor: Bool
        let demand: Demand
        let code: String?

        var asksForCode: Bool { demand.asksForCode && hasSecondFactor }
        /// Whether the secrets, if they are right, are all that a sign-in requires.
        var isComplete: Bool { isPasswordRight != nil && (!hasSecondFactor || (asksForCode && code != nil)) }
        var isGiven: Bool { isPasswordRight != nil || (asksForCode && code != nil) }
    }
}

extension Problem.Kind {
    package static let reauthenticationRequired = Self(
        "reauthentication-required", "Sign in again, or send the password or code.", status: 403)
    package static let wrongPassword = Self("wrong-password", "The current password is not right", status: 401)
}
