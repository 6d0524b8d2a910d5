import Modules

/// Conditions that hold in every committed state of the database.
enum WebhooksInvariants {
    static let all: [Invariant] = [
        Invariant(
            "a pending webhook delivery has no job that will attempt it",
            """
            SELECT webhook_deliveries.id FROM webhook_deliveries
            WHERE state = 'pending' AND NOT EXISTS (
                SELECT 1 FROM jobs
                WHERE kind = \(DeliverWebhookJob.name)
                    AND unique_key = webhook_deliveries.id || ':' || webhook_deliveries.round || ':'
                        || (webhook_deliveries.attempts + 1)
                    AND jobs.state IN ('scheduled', 'available', 'leased', 'retryable'))
            """
        ),
        Invariant(
            "a webhook delivery, its event and its endpoint are not of one organisation",
            """
            SELECT webhook_deliveries.id FROM webhook_deliveries
            JOIN webhook_events ON webhook_events.id = webhook_deliveries.event_id
            JOIN webhook_endpoints ON webhook_endpoints.id = webhook_deliveries.endpoint_id
            WHERE webhook_deliveries.organisation_id <> webhook_events.organisation_id
                OR webhook_deliveries.organisation_id <> webhook_endpoints.organisation_id
            """
        ),
    ]
}
