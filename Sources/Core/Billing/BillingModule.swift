package import Audit
package import Entitlements
package import Identity
package import Ledger
package import Mail
package import Modules
package import Stripe

/// Money: payments by the provider, invoices, refunds and payouts.
package final class BillingModule: Module {
    package let calls: ProviderCallService
    package let events: ProviderEventService
    package let customers: CustomerService
    package let payments: PaymentService
    package let refunds: RefundService
    package let invoices: InvoiceService
    package let coupons: CouponService
    package let money: MoneyLedgerService
    package let payouts: PayoutService
    package let payoutAccounts: ConnectedAccountService
    package let disputes: DisputeService
    package let finance: FinanceService
    package let routes: [Route]
    package let workers: [Worker]
    package let schedules: [Schedule]
    package let personalDataTables: [PersonalDataTable]

    /// - Parameter stripe: nil where the installation has no provider: its parts answer `not-configured`.
    package init(
        database: any Database,
        identity: IdentityModule,
        entitlements: EntitlementsModule,
        audit: AuditService,
        ledger: LedgerService,
        mailer: Mailer,
        queue: JobQueue,
        stripe: StripeClient?,
        settings: BillingSettings,
        logger: Logger,
        runtime: Runtime
    ) {
        let money = MoneyLedgerService(ledger: ledger)
        self.money = money
        calls = ProviderCallService(client: stripe, database: database, queue: queue, logger: logger)
        events = ProviderEventService(
            client: stripe, database: database, queue: queue, logger: logger, runtime: runtime)
        customers = CustomerService(database: database, calls: calls, events: events, runtime: runtime)
        payments = PaymentService(
            database: database, calls: calls, events: events, customers: customers, money: money, audit: audit,
            logger: logger, runtime: runtime)
        refunds = RefundService(
            database: database, calls: calls, events: events, money: money, audit: audit, runtime: runtime)
        invoices = InvoiceService(
            seller: settings.seller, address: settings.address, audit: audit, mailer: mailer, runtime: runtime)
        coupons = CouponService()
        let outgoing = PayoutServices(
            database: database, identity: identity, calls: calls, events: events, payments: payments, money: money,
            audit: audit, queue: queue, frontend: settings.frontend, logger: logger, runtime: runtime)
        payouts = outgoing.payouts
        payoutAccounts = outgoing.accounts
        disputes = outgoing.disputes
        finance = outgoing.finance

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
                administration: RefundAdministrationService(database: database, refunds: refunds)
            ).routes
            + outgoing.routes
        workers = [
            SendProviderCallJob.worker(calls, runtime), MaintainProviderCallsJob.worker(calls, database),
            ApplyProviderEventJob.worker(events), PollProviderEventsJob.worker(events),
            PruneProviderEventsJob.worker(database),
        ] + outgoing.workers
        schedules = [
            MaintainProviderCallsJob.schedule, PollProviderEventsJob.schedule, PruneProviderEventsJob.schedule,
        ] + outgoing.schedules
        personalDataTables = PaymentPersonalData.tables(customers: customers) + PayoutServices.personalDataTables
    }

    package static let migrations: [Migration] =
        ProviderCallSchema.migrations + ProviderEventSchema.migrations + CustomerSchema.migrations
        + PaymentSchema.migrations + RefundSchema.migrations + PayoutServices.migrations
    package static let invariants: [Invariant] = PaymentInvariants.all + PayoutServices.invariants
    package var migrations: [Migration] { Self.migrations }
}

extension BillingModule: PersonalDataProvider {}
