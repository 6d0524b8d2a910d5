package import Base
import Foundation
package import Jobs
package import Secrets
package import Storage

/// Where letters are handed in. A letter is written in the transaction that causes it, and is sent once that has committed.
package struct Post: Sendable {
    private let queue: JobQueue
    private let sealer: Sealer
    private let runtime: Runtime

    package init(queue: JobQueue, sealer: Sealer, runtime: Runtime) {
        self.queue = queue
        self.sealer = sealer
        self.runtime = runtime
    }

    /// Hands in a letter, which exists if and only if the transaction commits.
    package func send(_ letter: Letter, in transaction: Transaction) throws {
        let id: ID<Letter> = runtime.id()
        let sealed = try sealer.seal(Array(try JSONEncoder().encode(letter)), context: id.text)
        try transaction.insertLetter(id, sealed: sealed)
        try queue.enqueue(DeliverLetter(letter: id), in: transaction)
    }

    func open(_ sealed: String, _ id: ID<Letter>) throws -> Letter {
        try JSONDecoder().decode(Letter.self, from: Data(try sealer.open(sealed, context: id.text)))
    }
}

/// Sends one letter of the outbox.
struct DeliverLetter: Job {
    static let name = "mail.deliver"
    let letter: ID<Letter>
}
