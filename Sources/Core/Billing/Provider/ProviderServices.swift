import Audit
import Entitlements
import Identity
import Modules
import Stripe

/// Wires calls to the provider, its events, customers, payments and refunds.
struct ProviderServices {
    let calls: ProviderCallService
    let events: ProviderEventService
    let customers: CustomerService
    let payments: PaymentService
    let refunds: RefundService
    let routes: [Route]
    let workers: [Worker]
    let schedules: [Schedule]
    let personalDataTables: [PersonalDataTable]

    init(
        database: any Database, identity: IdentityModule, entitlements: EntitlementsModule, audit: AuditService,
        money: MoneyLedgerService, queue: JobQueue, client: StripeClient?, settings: BillingSettings, logger: Logger,
        runtime: Runtime
    ) {
        calls = ProviderCallService(client: client, database: database, queue: queue, logger: logger)
        events = ProviderEventService(
            client: client, database: database, queue: queue, logger: logger, runtime: runtime)
        customers = CustomerService(database: database, calls: calls, events: events, runtime: runtime)
        payments = PaymentService(
            database: database, calls: calls, events: events, customers: customers, money: money, audit: audit,
            logger: logger, runtime: runtime)
        refunds = RefundService(
            database: database, calls: calls, events: events, payments: payments, money: money, audit: audit,
            runtime: runtime)

        routes =
            ProviderCallRoutes(
                identity: identity,
                administration: ProviderCallAdministrationService(database: database, calls: calls, audit: audit)
            ).routes
            + ProviderEventRoutes(
                identity: identity,
                webhooks: ProviderWebhookService(
                    events: events, settings: settings, logger: logger, runtime: runtime),
                administration: ProviderEventAdministrationService(database: database, events: events, audit: audit)
            ).routes
            + PaymentRoutes(
                identity: identity, entitlements: entitlements,
                intents: PaymentIntentService(
                    database: database, payments: payments, publishableKey: settings.publishableKey),
                history: PaymentHistoryService(database: database)
            ).routes
            + RefundRoutes(
                identity: identity,
                administration: RefundAdministrationService(database: database, refunds: refunds, audit: audit)
            ).routes
        workers = [
            SendProviderCallJob.worker(calls, runtime), MaintainProviderCallsJob.worker(calls, database),
            ApplyWaitingProviderEventsJob.worker(events), ApplyProviderEventJob.worker(events),
            PollProviderEventsJob.worker(events), PruneProviderEventsJob.worker(database),
        ]
        schedules = [
            MaintainProviderCallsJob.schedule, ApplyWaitingProviderEventsJob.schedule,
            PollProviderEventsJob.schedule, PruneProviderEventsJob.schedule,
        ]
        personalDataTables = PaymentPersonalData.tables(payments: payments, customers: customers)
    }

    static let migrations =
        ProviderCallSchema.migrations + ProviderEventSchema.migrations + CustomerSchema.migrations
        + PaymentSchema.migrations + RefundSchema.migrations
    static let invariants = PaymentInvariants.all
}
