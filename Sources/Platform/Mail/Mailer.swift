package import Base
import Foundation
package import Jobs
package import Secrets
package import Storage

/// Writes e-mails to the outbox. An e-mail is written in the transaction that causes it and sent after the commit.
package struct Mailer: Sendable {
    private let queue: JobQueue
    private let sealer: Sealer
    private let runtime: Runtime

    package init(queue: JobQueue, sealer: Sealer, runtime: Runtime) {
        self.queue = queue
        self.sealer = sealer
        self.runtime = runtime
    }

    /// Adds an e-mail to the outbox. It is sent if and only if the transaction commits.
    /// - Throws: ``EmailFault`` for an unknown template or a missing value; `validation-failed` for an address that
    ///   would end its header line.
    package func send(_ email: Email, in transaction: Transaction) throws {
        try email.check()
        let id: ID<Email> = runtime.id()
        let sealed = try sealer.seal(Array(try JSONEncoder().encode(email)), context: id.text)
        try transaction.insertEmail(id, sealed: sealed)
        try queue.enqueue(
            MailDeliveryJob(email: id), JobOptions(maximumAttempts: MailDeliveryJob.attemptsMax), in: transaction)
    }

    /// Deletes the unsent e-mails to `recipient` (compared without case). Their jobs then have nothing to send.
    /// - Returns: the number of deleted e-mails.
    @discardableResult
    package func discard(emailsTo recipient: String, in transaction: Transaction) throws -> Int {
        let wanted = recipient.lowercased()
        let emails = try transaction.unsentEmails().filter { unsent in
            // A row that cannot be decrypted is skipped: it cannot be sent either, and is pruned by age.
            (try? open(unsent.sealed, unsent.id))?.recipient.lowercased() == wanted
        }
        for email in emails { try transaction.deleteEmail(email.id) }
        return emails.count
    }

    func open(_ sealed: String, _ id: ID<Email>) throws -> Email {
        try JSONDecoder().decode(Email.self, from: Data(try sealer.open(sealed, context: id.text)))
    }
}
