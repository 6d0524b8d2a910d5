import Audit
import Mail
package import Modules
import Secrets

/// Second factors as the places see them that ask for one.
struct SecondFactors: Sendable {
    let sealer: Sealer
    /// How many steps before and after the present one are accepted: 0 to 2.
    let window: Int64
    let audit: AuditService
    let mailer: Mailer
    let runtime: Runtime

    /// What somebody is asked whose password was right.
    func ask(_ person: Person) throws(Problem) -> SecondFactorAsked {
        let challenge = SecondFactorChallenge(for: person, at: runtime.now())
        do {
            return SecondFactorAsked(
                mfaToken: try challenge.text(sealer: sealer), expiresIn: Int(SecondFactorChallenge.lifetime.inSeconds))
        } catch {
            throw Problem.wrapping(error)
        }
    }

    func challenge(_ text: String) -> SecondFactorChallenge? { SecondFactorChallenge(text, sealer: sealer) }

    /// Uses up a code of the authenticator, or a recovery code, of which the person is told.
    /// - Returns: false for one that is wrong, was used before, or belongs to an authenticator that is not in use.
    func spend(_ code: String, of person: Person, from visitor: ClientInfo, in transaction: Transaction) throws -> Bool
    {
        guard let factor = try transaction.secondFactor(of: person.id), factor.confirmedAt != nil else { return false }
        if let step = try factor.step(of: Self.digits(code), at: transaction.now, window: window, sealer: sealer) {
            return try transaction.spendStep(step, of: person.id)
        }
        guard let recovery = RecoveryCode(typed: code),
            try transaction.spendRecoveryCode(recovery.hash(of: person.id), of: person.id)
        else { return false }
        let left = try transaction.countRecoveryCodes(of: person.id)
        try tell(
            person, "A recovery code was used to sign in or to confirm a change; \(left) of them are left.",
            in: transaction)
        let event = AuditEvent(
            "second_factor.recovery_code_used", from: visitor, actor: person.id.text, subject: person.id.text,
            details: ["left": "\(left)"])
        try audit.record(event, in: transaction)
        return true
    }

    /// Takes the authenticator into use that was set up and not yet confirmed.
    /// - Returns: false where the code is not one of it.
    func confirm(_ code: String, of person: Person, in transaction: Transaction) throws -> Bool {
        guard let factor = try transaction.secondFactor(of: person.id), factor.confirmedAt == nil,
            let step = try factor.step(of: Self.digits(code), at: transaction.now, window: window, sealer: sealer)
        else { return false }
        return try transaction.confirmSecondFactor(of: person.id, step: step)
    }

    /// Says by mail what was changed.
    func tell(_ person: Person, _ change: String, in transaction: Transaction) throws {
        let values = ["name": person.displayName, "change": change, "when": "\(transaction.now)"]
        try mailer.send(Email("second-factor-changed", to: person.email, values: values), in: transaction)
    }

    /// Authenticators show their digits in groups, and some people type them so.
    private static func digits(_ code: String) -> String { code.filter { $0 != " " && $0 != "-" } }
}

extension Problem.Kind {
    package static let invalidSecondFactor = Self("invalid-second-factor", "Invalid, used or expired code", status: 401)
    package static let secondFactorActive = Self(
        "second-factor-active", "A second factor is in use already", status: 409)
    package static let secondFactorNotActive = Self(
        "second-factor-not-active", "There is no second factor", status: 409)
}
