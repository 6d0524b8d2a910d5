import Identity
import Modules

/// One attempt of one delivery. The attempt that follows is a job of its own.
struct DeliverWebhookJob: Job {
    static let name = "webhooks.deliver"
    static let lane = JobLane.webhooks

    let delivery: ID<WebhookDelivery>
    let organisation: ID<Organisation>
    let round: Int64
    /// From 1.
    let attempt: Int64

    init(_ delivery: WebhookDelivery) {
        self.delivery = delivery.id
        organisation = delivery.organisation
        round = delivery.round
        attempt = delivery.attempts + 1
    }

    static func options(_ delivery: WebhookDelivery) -> JobOptions {
        JobOptions(
            runAt: delivery.nextAttemptAt,
            uniqueKey: "\(delivery.id):\(delivery.round):\(delivery.attempts + 1)",
            organisation: delivery.organisation.text)
    }

    static func worker(_ deliveries: WebhookDeliveryService) -> Worker {
        Worker(
            DeliverWebhookJob.self,
            perform: { job, _ in
                switch try await deliveries.next(job) {
                case .nothing: return .done
                case .wait(let time): return .snooze(for: time)
                case .fail(let reason): return .done { try deliveries.fail(job, because: reason, in: $0) }
                case .send(let message):
                    let attempt = await deliveries.send(message)
                    return .done { try deliveries.record(attempt, of: job, in: $0) }
                }
            },
            abandoned: { job, _, transaction in
                try deliveries.fail(job, because: "The attempt could not be completed.", in: transaction)
            }
        )
    }
}
