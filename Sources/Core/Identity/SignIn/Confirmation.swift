import Audit
package import Modules

/// Asks somebody who is signed in once more for their secrets, before something that a stolen session must not be able to do.
struct Confirmation: Sendable {
    let database: any Database
    let passwords: PasswordHasher
    let signInGuard: LoginThrottle
    let secondFactors: SecondFactorVerifier
    let audit: AuditService

    /// Runs `body` in the transaction in which the answers were found right. A wrong answer counts as one at the door does, and is
    /// audited as a failed `action`.
    /// - Parameters:
    ///   - code: what the authenticator shows, or a recovery code, where that is asked for too.
    ///   - action: what is being tried, as the audit trail names it.
    /// - Throws: `wrong-password`, `invalid-second-factor`, `account-locked`; what `body` throws.
    func confirm<Result: Sendable>(
        password: String,
        code: String? = nil,
        by scope: Scope,
        for action: String,
        then body: @escaping @Sendable (Person, Transaction) throws -> Result
    ) async throws(Problem) -> Result {
        guard let person = try await database.read({ try $0.person(scope.person) }) else { throw Problem(.notFound) }
        let isRight = try await passwords.verify(password, against: person.passwordHash)
        let answer = try await database.write { transaction -> Answer<Result> in
            var door = try signInGuard.open(LoginAttempt(in: scope), in: transaction)
            let answer = try judge(isRight, person, code, door.verdict, scope, in: transaction)
            if answer == nil { door.succeed() } else { door.fail() }
            try signInGuard.close(door, in: transaction)
            if let answer {
                try audit.record(
                    AuditEvent(
                        action, outcome: .failure, by: scope, subject: person.id.text,
                        details: ["reason": answer.reason]), in: transaction)
                return .refused(answer)
            }
            return .done(try body(person, transaction))
        }
        switch answer {
        case .done(let result): return result
        case .refused(.password): throw Problem(.wrongPassword)
        case .refused(.code): throw Problem(.invalidSecondFactor)
        case .refused(.locked(let time)): throw Problem.accountLocked(for: time)
        }
    }

    private enum Answer<Result: Sendable>: Sendable {
        case done(Result)
        case refused(Fault)
    }

    private enum Fault: Sendable {
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

    private func judge(
        _ isRight: Bool, _ person: Person, _ code: String?, _ verdict: LoginThrottle.Verdict, _ scope: Scope,
        in transaction: Transaction
    ) throws -> Fault? {
        guard isRight, verdict != .refused else { return .password }
        if case .locked(let time) = verdict { return .locked(time) }
        guard let code else { return nil }
        let visitor = ClientInfo(address: scope.address, requestID: scope.requestID, userAgent: nil)
        return try secondFactors.spend(code, of: person, from: visitor, in: transaction) ? nil : .code
    }
}

extension Problem.Kind {
    package static let wrongPassword = Self("wrong-password", "The current password is not right", status: 401)
}
