import Identity
import Modules

/// The SQL of events and their deliveries. Every statement names the organisation, except the pruning.
extension Transaction {
    func insert(_ event: WebhookEvent) throws {
        try execute(
            """
            INSERT INTO webhook_events (id, organisation_id, type, body, created_at)
            VALUES (\(event.id), \(event.organisation), \(event.type), \(event.body), \(event.createdAt))
            """
        )
    }

    func insert(_ delivery: WebhookDelivery) throws {
        try execute(
            """
            INSERT INTO webhook_deliveries (
                id, organisation_id, event_id, endpoint_id, state, round, attempts, next_attempt_at, error, created_at,
                ended_at
            )
            VALUES (
                \(delivery.id), \(delivery.organisation), \(delivery.event), \(delivery.endpoint), \(delivery.state),
                \(delivery.round), \(delivery.attempts), \(delivery.nextAttemptAt), \(delivery.error),
                \(delivery.createdAt), \(delivery.endedAt)
            )
            """
        )
    }

    func update(_ delivery: WebhookDelivery) throws {
        try execute(
            """
            UPDATE webhook_deliveries
            SET state = \(delivery.state), round = \(delivery.round), attempts = \(delivery.attempts),
                next_attempt_at = \(delivery.nextAttemptAt), attempted_at = \(delivery.attemptedAt),
                status = \(delivery.status), error = \(delivery.error), response = \(delivery.response),
                duration_ms = \(delivery.duration), ended_at = \(delivery.endedAt)
            WHERE id = \(delivery.id) AND organisation_id = \(delivery.organisation)
            """
        )
    }

    func webhookEvent(_ id: ID<WebhookEvent>, of organisation: ID<Organisation>) throws -> WebhookEvent? {
        try first(
            "SELECT * FROM webhook_events WHERE id = \(id) AND organisation_id = \(organisation)", WebhookEvent.init)
    }

    func webhookDelivery(_ id: ID<WebhookDelivery>, of organisation: ID<Organisation>) throws -> WebhookDelivery? {
        try first(Self.selectDelivery(id, of: organisation), WebhookDelivery.init)
    }

    /// The row is locked until the transaction ends, after that of its endpoint.
    func lockedWebhookDelivery(_ id: ID<WebhookDelivery>, of organisation: ID<Organisation>) throws
        -> WebhookDelivery?
    {
        try first(Self.selectDelivery(id, of: organisation) + " \(.forUpdate)", WebhookDelivery.init)
    }

    /// Newest first.
    /// - Parameter bound: the delivery that the page follows.
    func webhookDeliveries(
        to endpoint: ID<WebhookEndpoint>, of organisation: ID<Organisation>, in state: WebhookDelivery.State?,
        before bound: WebhookDelivery?, limit: Int
    ) throws -> [(delivery: WebhookDelivery, type: String)] {
        var condition: SQL = """
            WHERE webhook_deliveries.endpoint_id = \(endpoint)
                AND webhook_deliveries.organisation_id = \(organisation)
            """
        if let state { condition = condition + " AND webhook_deliveries.state = \(state)" }
        if let bound {
            condition =
                condition + """
                     AND (webhook_deliveries.created_at < \(bound.createdAt)
                        OR (webhook_deliveries.created_at = \(bound.createdAt) AND webhook_deliveries.id < \(bound.id)))
                    """
        }
        return try all(
            "SELECT webhook_deliveries.*, webhook_events.type FROM webhook_deliveries "
                + "JOIN webhook_events ON webhook_events.id = webhook_deliveries.event_id " + condition
                    + """
                     ORDER BY webhook_deliveries.created_at DESC, webhook_deliveries.id DESC LIMIT \(limit)
                    """
        ) { (try WebhookDelivery(row: $0), try $0["type"]) }
    }

    /// Failed deliveries of events of a time, oldest first; their rows are locked until the transaction ends.
    func failedWebhookDeliveries(
        to endpoint: ID<WebhookEndpoint>, of organisation: ID<Organisation>, since start: Instant, until end: Instant,
        limit: Int
    ) throws -> [WebhookDelivery] {
        try all(
            """
            SELECT * FROM webhook_deliveries
            WHERE endpoint_id = \(endpoint) AND organisation_id = \(organisation) AND state = 'failed'
                AND created_at >= \(start) AND created_at <= \(end)
            ORDER BY created_at, id LIMIT \(limit) \(.forUpdate)
            """,
            WebhookDelivery.init
        )
    }

    /// Deletes deliveries created before `time`, whatever their state: none is attempted for as long as that.
    /// - Returns: how many were deleted.
    func pruneWebhookDeliveries(createdBefore time: Instant, atMost limit: Int) throws -> Int {
        try execute(
            """
            DELETE FROM webhook_deliveries WHERE id IN (
                SELECT id FROM webhook_deliveries WHERE created_at < \(time) ORDER BY created_at LIMIT \(limit))
            """
        )
    }

    /// Deletes events without deliveries.
    /// - Returns: how many were deleted.
    func pruneWebhookEvents(createdBefore time: Instant, atMost limit: Int) throws -> Int {
        try execute(
            """
            DELETE FROM webhook_events WHERE id IN (
                SELECT id FROM webhook_events
                WHERE created_at < \(time) AND NOT EXISTS (
                    SELECT 1 FROM webhook_deliveries WHERE event_id = webhook_events.id)
                ORDER BY created_at LIMIT \(limit))
            """
        )
    }

    private static func selectDelivery(_ id: ID<WebhookDelivery>, of organisation: ID<Organisation>) -> SQL {
        "SELECT * FROM webhook_deliveries WHERE id = \(id) AND organisation_id = \(organisation)"
    }
}
