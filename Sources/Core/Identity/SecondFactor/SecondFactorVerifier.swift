import Audit
import Mail
import Modules
import Secrets

/// Verifies codes of authenticators and recovery codes.
final class SecondFactorVerifier: Sendable {
    private let sealer: Sealer
    private let window: Int64
    private let audit: AuditService
    private let mailer: Mailer
    private let runtime: Runtime

    /// - Parameter window: the number of time steps before and after the present one for which codes are accepted: 0 to
    ///   2.
    init(sealer: Sealer, window: Int64, audit: AuditService, mailer: Mailer, runtime: Runtime) {
        self.sealer = sealer
        self.window = window
        self.audit = audit
        self.mailer = mailer
        self.runtime = runtime
    }

    func seal(_ secret: [UInt8], of person: ID<Person>) throws -> String {
        try SecondFactor.seal(secret, of: person, with: sealer)
    }

    /// The response to a correct password where a code is required too.
    func issueChallenge(to person: Person) throws(Problem) -> SecondFactorRequired {
        let challenge = SecondFactorChallenge(for: person, at: runtime.now())
        do {
            return SecondFactorRequired(
                mfaToken: try challenge.text(sealer: sealer), expiresIn: Int(SecondFactorChallenge.lifetime.inSeconds))
        } catch {
            throw Problem.wrapping(error)
        }
    }

    func challenge(_ text: String) -> SecondFactorChallenge? { SecondFactorChallenge(text, sealer: sealer) }

    /// Uses up a code of the authenticator, or a recovery code. The person is notified of the latter by mail.
    /// - Returns: false for a wrong or used code, and while the authenticator is not confirmed.
    func spend(_ code: String, of person: Person, from client: ClientInfo, in transaction: Transaction) throws -> Bool {
        guard let factor = try transaction.secondFactor(of: person.id), factor.confirmedAt != nil else { return false }
        if let step = try factor.step(of: Self.digits(code), at: transaction.now, window: window, sealer: sealer) {
            return try transaction.spendStep(step, of: person.id)
        }
        guard let recovery = RecoveryCode(typed: code),
            try transaction.spendRecoveryCode(recovery.hash(of: person.id), of: person.id)
        else { return false }
        let left = try transaction.countRecoveryCodes(of: person.id)
        try notify(
            person, of: "A recovery code was used to sign in or to confirm a change; \(left) of them are left.",
            in: transaction)
        let event = AuditEvent(
            "second_factor.recovery_code_used", from: client, actor: person.id.text, subject: person.id.text,
            details: ["left": "\(left)"])
        try audit.record(event, in: transaction)
        return true
    }

    /// Confirms a pending authenticator.
    /// - Returns: false for a wrong code, and where no authenticator is pending.
    func confirm(_ code: String, of person: Person, in transaction: Transaction) throws -> Bool {
        guard let factor = try transaction.secondFactor(of: person.id), factor.confirmedAt == nil,
            let step = try factor.step(of: Self.digits(code), at: transaction.now, window: window, sealer: sealer)
        else { return false }
        return try transaction.confirmSecondFactor(of: person.id, step: step)
    }

    /// Sends an e-mail about a change of the second factor.
    func notify(_ person: Person, of change: String, in transaction: Transaction) throws {
        let values = ["name": person.displayName, "change": change, "when": "\(transaction.now)"]
        try mailer.send(
            Email("second-factor-changed", to: person.email, values: values), ifVerified: person, in: transaction)
    }

    /// Authenticators show the digits in groups; separators in the input are ignored.
    private static func digits(_ code: String) -> String { code.filter { !$0.isWhitespace && $0 != "-" } }
}
