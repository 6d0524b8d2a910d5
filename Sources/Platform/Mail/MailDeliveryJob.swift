import Base
import Jobs

/// Sends one e-mail of the outbox.
struct MailDeliveryJob: Job {
    static let name = "mail.deliver"
    static let lane = JobLane.mail
    /// The wait before another attempt grows up to an hour, so that a link is not sent long after an outage.
    static let waitMax = Duration.hours(1)
    /// About five days of attempts, as RFC 5321 §4.5.4.1 has it. An e-mail whose link expires ends before.
    static let attemptsMax = 250

    let email: ID<Email>
}
