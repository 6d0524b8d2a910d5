import Audit
package import Modules

/// Requires the password, and where asked a second factor, of an authenticated person again: before operations that a
/// stolen session must not permit.
final class Confirmation: Sendable {
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
    ///   - code: of the authenticator, or a recovery code; nil where none is required.
    ///   - action: the name of the audit event of a failure.
    /// - Throws: `wrong-password`, `invalid-second-factor`, `account-locked`; what `body` throws.
    func confirm<Result: Sendable>(
        password: String,
        code: String? = nil,
        by scope: Scope,
        for action: String,
        then body: @escaping @Sendable (Person, Transaction) throws -> Result
    ) async throws(Problem) -> Result {
        guard let person = try await database.read({ try $0.person(scope.person) }) else { throw Problem(.notFound) }
        let isRight = try await hasher.verify(password, against: person.passwordHash)
        let outcome = try await database.write { [self] transaction -> Outcome<Result> in
            var counters = try loginThrottle.load(LoginAttempt(in: scope), in: transaction)
            let failure = try failure(isRight, person, code, counters.verdict, scope, in: transaction)
            if failure == nil { counters.succeed() } else { counters.fail() }
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
        case password, code
        case locked(Duration)

        var reason: String {
            switch self {
            case .password: "password"
            case .code: "second factor"
            case .locked: "locked"
            }
        }
    }

    /// - Returns: nil where every required secret is right and the throttle permits the attempt.
    private func failure(
        _ isRight: Bool, _ person: Person, _ code: String?, _ verdict: LoginThrottle.Verdict, _ scope: Scope,
        in transaction: Transaction
    ) throws -> Failure? {
        guard isRight, verdict != .refused else { return .password }
        if case .locked(let time) = verdict { return .locked(time) }
        guard let code else { return nil }
        let client = ClientInfo(address: scope.address, requestID: scope.requestID, userAgent: nil)
        return try secondFactors.spend(code, of: person, from: client, in: transaction) ? nil : .code
    }
}

extension Problem.Kind {
    package static let wrongPassword = Self("wrong-password", "The current password is not right", status: 401)
}
