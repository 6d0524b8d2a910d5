package import Audit
package import Identity
package import Mail
package import Modules
package import Outbound
package import Secrets

/// Sends events to the endpoints of products elsewhere (Standard Webhooks).
package struct WebhooksModule: Module {
    package let service: WebhookService
    package let routes: [Route]
    package let workers: [Worker]
    package let schedules = [PruneWebhooksJob.schedule]

    /// - Parameters:
    ///   - eventTypes: those of the modules in this program.
    ///   - client: decides which addresses may be contacted.
    ///   - allowsHTTP: whether endpoints without TLS are accepted.
    package init(
        database: any Database,
        identity: IdentityModule,
        eventTypes: [WebhookEventType],
        client: UserURLClient,
        allowsHTTP: Bool,
        audit: AuditService,
        mailer: Mailer,
        sealer: Sealer,
        queue: JobQueue,
        runtime: Runtime
    ) {
        let service = WebhookService(queue: queue, runtime: runtime)
        let endpoints = WebhookEndpointService(
            database: database, webhooks: service, eventTypes: eventTypes, client: client,
            allowsHTTP: allowsHTTP, sealer: sealer, audit: audit, runtime: runtime)
        let deliveries = WebhookDeliveryService(
            database: database, sender: WebhookSender(client: client, runtime: runtime), sealer: sealer, queue: queue,
            audit: audit, mailer: mailer, runtime: runtime)
        self.service = service
        routes =
            WebhookEndpointRoutes(endpoints: endpoints, identity: identity).routes
            + WebhookDeliveryRoutes(deliveries: deliveries, identity: identity).routes
        workers = [DeliverWebhookJob.worker(deliveries), PruneWebhooksJob.worker(database)]
    }

    package static let migrations = WebhooksSchema.migrations
    package static let invariants = WebhooksInvariants.all
    package var migrations: [Migration] { Self.migrations }
}

extension WebhooksModule: PersonalDataProvider {
    package var personalDataTables: [PersonalDataTable] { WebhooksPersonalData.tables }
}
