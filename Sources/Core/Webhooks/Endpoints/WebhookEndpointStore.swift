import Identity
import Modules
import Outbound

/// The SQL of endpoints. Every statement names the organisation, except those for administrators and the pruning.
extension Transaction {
    /// - Returns: false when the organisation has ``WebhookEndpoint/countMax`` endpoints. Its row is locked by the
    ///   caller, so that two at once do not exceed the limit.
    func insert(_ endpoint: WebhookEndpoint) throws -> Bool {
        try execute(
            """
            INSERT INTO webhook_endpoints (
                id, organisation_id, url, description, event_types, sealed_secret, state, failures, created_at,
                updated_at
            )
            SELECT \(endpoint.id), \(endpoint.organisation), \(endpoint.url.description), \(endpoint.description),
                \(endpoint.eventTypes.joined(separator: " ")), \(endpoint.secret), \(endpoint.state), 0, \(now), \(now)
            WHERE (
                SELECT COUNT(*) FROM webhook_endpoints
                WHERE organisation_id = \(endpoint.organisation) AND state <> 'deleted'
            ) < \(WebhookEndpoint.countMax)
            """
        ) == 1
    }

    func webhookEndpoint(_ id: ID<WebhookEndpoint>, of organisation: ID<Organisation>) throws -> WebhookEndpoint? {
        try first(Self.selectEndpoint(id, of: organisation), WebhookEndpoint.init)
    }

    /// The row is locked until the transaction ends.
    func lockedWebhookEndpoint(_ id: ID<WebhookEndpoint>, of organisation: ID<Organisation>) throws
        -> WebhookEndpoint?
    {
        try first(Self.selectEndpoint(id, of: organisation) + " \(.forUpdate)", WebhookEndpoint.init)
    }

    func webhookEndpoints(of organisation: ID<Organisation>) throws -> [WebhookEndpoint] {
        try all(
            """
            SELECT * FROM webhook_endpoints WHERE organisation_id = \(organisation) AND state <> 'deleted'
            ORDER BY created_at DESC, id DESC LIMIT \(WebhookEndpoint.countMax)
            """,
            WebhookEndpoint.init)
    }

    /// Disabled ones too: what they miss can be replayed.
    func webhookEndpoints(of organisation: ID<Organisation>, subscribedTo type: WebhookEventType) throws
        -> [WebhookEndpoint]
    {
        try webhookEndpoints(of: organisation).filter { $0.subscribes(to: type.name) }
    }

    /// For administrators.
    func webhookEndpoints(in state: WebhookEndpoint.State?, limit: Int, offset: Int) throws -> (
        rows: [WebhookEndpoint], total: Int64
    ) {
        let condition: SQL = state.map { "WHERE state = \($0)" } ?? "WHERE state <> 'deleted'"
        let total = try count("SELECT COUNT(*) AS count FROM webhook_endpoints " + condition)
        let rows = try all(
            "SELECT * FROM webhook_endpoints " + condition
                + " ORDER BY created_at DESC, id DESC LIMIT \(limit) OFFSET \(offset)",
            WebhookEndpoint.init)
        return (rows, total)
    }

    /// For administrators.
    func organisation(ofWebhookEndpoint id: ID<WebhookEndpoint>) throws -> ID<Organisation>? {
        try first("SELECT organisation_id FROM webhook_endpoints WHERE id = \(id) AND state <> 'deleted'") {
            try $0["organisation_id"]
        }
    }

    func update(_ endpoint: WebhookEndpoint) throws {
        try execute(
            """
            UPDATE webhook_endpoints
            SET url = \(endpoint.url.description), description = \(endpoint.description),
                event_types = \(endpoint.eventTypes.joined(separator: " ")), sealed_secret = \(endpoint.secret),
                sealed_previous_secret = \(endpoint.previousSecret),
                previous_secret_until = \(endpoint.previousSecretUntil), state = \(endpoint.state),
                disabled_because = \(endpoint.disabledBecause), failures = \(endpoint.failures),
                failing_since = \(endpoint.failingSince), paused_until = \(endpoint.pausedUntil), updated_at = \(now)
            WHERE id = \(endpoint.id) AND organisation_id = \(endpoint.organisation)
            """
        )
    }

    /// Deletes secrets that a rotation has replaced, when they are no longer used.
    func deleteEndedWebhookSecrets() throws {
        try execute(
            """
            UPDATE webhook_endpoints SET sealed_previous_secret = NULL, previous_secret_until = NULL
            WHERE previous_secret_until <= \(now)
            """
        )
    }

    /// Deletes endpoints that were deleted and have no deliveries any more.
    func pruneWebhookEndpoints(atMost limit: Int) throws -> Int {
        try execute(
            """
            DELETE FROM webhook_endpoints WHERE id IN (
                SELECT id FROM webhook_endpoints WHERE state = 'deleted' AND NOT EXISTS (
                    SELECT 1 FROM webhook_deliveries WHERE endpoint_id = webhook_endpoints.id)
                ORDER BY id LIMIT \(limit))
            """
        )
    }

    private static func selectEndpoint(_ id: ID<WebhookEndpoint>, of organisation: ID<Organisation>) -> SQL {
        """
        SELECT * FROM webhook_endpoints
        WHERE id = \(id) AND organisation_id = \(organisation) AND state <> 'deleted'
        """
    }
}

extension WebhookEndpoint {
    func subscribes(to type: String) -> Bool { eventTypes.contains { $0 == WebhookEventType.all || $0 == type } }
}
