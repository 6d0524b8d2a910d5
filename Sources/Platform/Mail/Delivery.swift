import Base
package import Jobs
package import Storage
import Telemetry

/// Takes letters from the outbox and sends them.
///
/// A letter is sent once, as far as that can be known. Each attempt is written down before it is made and settled after it, and a letter that was
/// sent is not sent again. One gap remains, as it does for everybody who speaks SMTP: when the process dies, or the line breaks, between the server's
/// taking a message and our writing that down, nobody knows, and the letter goes out again. Such a repetition is counted in `unconfirmed_attempts`, and
/// it is the same message to the byte, with the same Message-ID, so that servers and readers can tell. It never is another code or link.
package struct Delivery: Sendable {
    private let database: any Database
    private let mailer: Mailer
    private let templates: Templates
    private let sender: Sender
    private let carrier: MailTransport

    /// How long a row is kept, sent or not: longer than any link in a letter is good for.
    static let lettersKept = Duration.days(30)
    static let pruneBatch = 500

    /// - Throws: what is wrong with a template.
    package init(database: any Database, mailer: Mailer, sender: Sender, carrier: MailTransport) throws {
        self.database = database
        self.mailer = mailer
        self.sender = sender
        self.carrier = carrier
        templates = try Templates()
    }

    package var workers: [Worker] { [deliverer, cleaner] }

    package var schedules: [Schedule] {
        [
            Schedule(id: CleanOutbox.name, .cron("37 3 * * *", timeZone: "UTC")) { _, queue, transaction in
                try queue.enqueue(CleanOutbox(), JobOptions(priority: 1_000, uniqueKey: "daily"), in: transaction)
            }
        ]
    }

    private var deliverer: Worker {
        Worker(DeliverEmail.self) { job, context in
            try carrier.checkReadiness()
            guard let attempt = try await database.write({ try $0.beginAttempt(job.letter) }) else { return .done }
            var logger = context.logger
            logger[metadataKey: "letter"] = "\(job.letter)"
            if attempt.doubtfulBefore > 0 {
                logger.notice("a letter is sent again: an earlier attempt may have reached its server")
            }
            do {
                let message = try message(attempt, job.letter)
                try await carrier.carry(message, logger: logger)
            } catch let failure as DeliveryFailure {
                if !failure.isDoubtful { try? await database.write { try $0.settleAttempt(job.letter) } }
                throw failure.remedy
            } catch {
                try? await database.write { try $0.settleAttempt(job.letter) }
                throw error
            }
            return .done { try $0.markSent(job.letter) }
        } abandoned: { job, why, transaction in
            try transaction.markFailed(job.letter, because: why.sentence)
        }
    }

    private var cleaner: Worker {
        Worker(CleanOutbox.self) { _, context in
            repeat {
                try context.checkCancellation()
            } while try await database.write({ transaction in
                try transaction.pruneLetters(writtenBefore: transaction.now - Self.lettersKept, atMost: Self.pruneBatch)
            }) == Self.pruneBatch
            return .done
        }
    }

    /// The same bytes for each attempt: everything in it comes from the letter.
    private func message(_ attempt: DeliveryAttempt, _ id: ID<Email>) throws -> Message {
        do {
            let letter = try mailer.open(attempt.sealed, id)
            return try Message(
                id: id, writtenAt: attempt.writtenAt, from: sender, to: Mailbox(letter.recipient),
                try templates.render(letter, sender: sender))
        } catch let fault as UnusableAddress {
            throw JobFailure.permanent(fault.description)
        } catch let fault as EmailFault {
            throw JobFailure.permanent(fault.description)
        } catch let fault as HeaderFault {
            throw JobFailure.permanent(fault.description)
        } catch {
            throw JobFailure.permanent("The letter cannot be read: it was sealed under another key.")
        }
    }
}

/// Deletes what the outbox need not remember any longer.
struct CleanOutbox: Job {
    static let name = "mail.clean"
}

extension JobAbandonment {
    fileprivate var sentence: String {
        switch self {
        case .failed(let reason): reason
        case .poisoned: "its workers were lost too often"
        case .cancelled: "cancelled"
        }
    }
}
