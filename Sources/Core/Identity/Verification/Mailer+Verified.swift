import Mail
import Modules

extension Mailer {
    /// Sends an e-mail to a person whose address is verified. An address that is not verified may be another person's:
    /// it gets challenges alone, which ``ChallengeService`` sends.
    func send(_ email: Email, ifVerified person: Person, in transaction: Transaction) throws {
        guard person.isEmailVerified else { return }
        try send(email, in: transaction)
    }
}
