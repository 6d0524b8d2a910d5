import Base
import Jobs

/// Sends one e-mail of the outbox.
struct MailDeliveryJob: Job {
    static let name = "mail.deliver"
    let email: ID<Email>
}
