import Base
package import Jobs
package import Storage
import Telemetry

/// Sends the e-mails of the outbox, and prunes it.
///
/// An e-mail is sent once, except in one case that SMTP cannot exclude: the process ends or the connection breaks after
/// the server accepted the message and before the outbox row is updated. The e-mail is then sent again. The column
/// `unconfirmed_attempts` counts these repetitions. A repetition has the same bytes and the same Message-ID, so that
/// mail servers and mail clients can recognise the duplicate; it never has another code or link.
package final class MailDeliveryService: Sendable {
    private let database: any Database
    private let mailer: Mailer
    private let templates: EmailTemplates
    private let sender: Sender
    private let transport: MailTransport

    /// How long a row is kept, sent or not: longer than the lifetime of any link in an e-mail.
    static let retention = Duration.days(30)
    static let pruneBatch = 500

    package init(database: any Database, mailer: Mailer, sender: Sender, transport: MailTransport) {
        self.database = database
        self.mailer = mailer
        self.sender = sender
        self.transport = transport
        templates = EmailTemplates()
    }

    package var workers: [Worker] { [deliveryWorker, pruneWorker] }

    package var schedules: [Schedule] {
        [
            Schedule(id: OutboxPruneJob.name, .cron("37 3 * * *", timeZone: "UTC")) { _, queue, transaction in
                try queue.enqueue(OutboxPruneJob(), JobOptions(priority: 1_000, uniqueKey: "daily"), in: transaction)
            }
        ]
    }

    private var deliveryWorker: Worker {
        Worker(MailDeliveryJob.self) { [self] job, context in
            try transport.checkConfigured()
            guard let attempt = try await database.write({ try $0.beginAttempt(job.email) }) else { return .done }
            var logger = context.logger
            logger[metadataKey: "email"] = "\(job.email)"
            if let expiry = (try? mailer.open(attempt.sealed, job.email))?.expiresAt, expiry <= attempt.beganAt {
                logger.notice("an e-mail was not sent: its link has expired")
                return .done { try $0.markExpired(job.email) }
            }
            if attempt.unconfirmedAttempts > 0 {
                logger.notice("an e-mail is sent again: an earlier attempt is unconfirmed")
            }
            do {
                try await transport.send(try message(attempt, job.email), logger: logger)
            } catch let failure as DeliveryFailure {
                if !failure.isUnconfirmed { try? await database.write { try $0.settleAttempt(job.email) } }
                throw failure.jobFailure
            } catch {
                try? await database.write { try $0.settleAttempt(job.email) }
                throw error
            }
            return .done { try $0.markSent(job.email) }
        } abandoned: { job, abandonment, transaction in
            try transaction.markFailed(job.email, because: abandonment.sentence)
        }
    }

    private var pruneWorker: Worker {
        Worker(OutboxPruneJob.self) { [self] _, context in
            repeat {
                try context.checkCancellation()
            } while try await database.write({ transaction in
                try transaction.pruneEmails(createdBefore: transaction.now - Self.retention, atMost: Self.pruneBatch)
            }) == Self.pruneBatch
            return .done
        }
    }

    /// - Returns: the same bytes for each attempt, a function of the outbox row alone.
    private func message(_ attempt: DeliveryAttempt, _ id: ID<Email>) throws -> Message {
        do {
            let email = try mailer.open(attempt.sealed, id)
            return try Message(
                id: id, createdAt: attempt.createdAt, from: sender, to: Mailbox(email.recipient),
                try templates.render(email, sender: sender))
        } catch let fault as UnusableAddress {
            throw JobFailure.permanent(fault.description)
        } catch let fault as EmailFault {
            throw JobFailure.permanent(fault.description)
        } catch let fault as HeaderFault {
            throw JobFailure.permanent(fault.description)
        } catch {
            throw JobFailure.permanent("The e-mail cannot be decrypted: it was sealed under another key.")
        }
    }
}

extension JobAbandonment {
    fileprivate var sentence: String {
        switch self {
        case .failed(let reason), .exhausted(_, let reason): reason
        case .poisoned: "the leases of its workers expired too often"
        case .cancelled: "cancelled"
        }
    }
}
