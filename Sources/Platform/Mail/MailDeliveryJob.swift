import Base
import Jobs

/// Sends one e-mail of the outbox.
struct MailDeliveryJob: Job {
    static let name = "mail.deliver"
    static let lane = JobLane.mail
    let email: ID<Email>
}
