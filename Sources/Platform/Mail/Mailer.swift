package import Base
import Foundation
package import Jobs
package import Secrets
package import Storage

/// Where letters are handed in. A letter is written in the transaction that causes it, and is sent once that has committed.
package struct Mailer: Sendable {
    private let queue: JobQueue
    private let sealer: Sealer
    private let runtime: Runtime

    package init(queue: JobQueue, sealer: Sealer, runtime: Runtime) {
        self.queue = queue
        self.sealer = sealer
        self.runtime = runtime
    }

    /// Hands in a letter, which exists if and only if the transaction commits.
    /// - Throws: ``EmailFault`` for a letter that there is no template for or that lacks a value; `validation-failed` for an address that
    ///   cannot stand in a header.
    package func send(_ letter: Email, in transaction: Transaction) throws {
        try letter.check()
        let id: ID<Email> = runtime.id()
        let sealed = try sealer.seal(Array(try JSONEncoder().encode(letter)), context: id.text)
        try transaction.insertLetter(id, sealed: sealed)
        try queue.enqueue(DeliverEmail(letter: id), in: transaction)
    }

    /// Forgets what still waits to be sent to `recipient`: its rows go, and their jobs find nothing to do.
    /// - Returns: how many letters there were.
    @discardableResult
    package func discard(lettersTo recipient: String, in transaction: Transaction) throws -> Int {
        let wanted = recipient.lowercased()
        let ids = try transaction.waitingLetters().filter { waiting in
            // What cannot be opened any more can be read by nobody, and is cleaned away with its time.
            (try? open(waiting.sealed, waiting.id))?.recipient.lowercased() == wanted
        }
        for letter in ids { try transaction.deleteLetter(letter.id) }
        return ids.count
    }

    func open(_ sealed: String, _ id: ID<Email>) throws -> Email {
        try JSONDecoder().decode(Email.self, from: Data(try sealer.open(sealed, context: id.text)))
    }
}

/// Sends one letter of the outbox.
struct DeliverEmail: Job {
    static let name = "mail.deliver"
    let letter: ID<Email>
}
