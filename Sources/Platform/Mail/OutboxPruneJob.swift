import Jobs

/// Deletes outbox rows that are older than ``MailDeliveryService/retention``.
struct OutboxPruneJob: Job {
    static let name = "mail.prune"
}
