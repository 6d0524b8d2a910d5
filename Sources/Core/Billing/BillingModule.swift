package import Audit
package import Entitlements
package import Identity
package import Ledger
package import Mail
package import Modules
package import Stripe
package import Webhooks

/// Money: payments by the provider, invoices, refunds and payouts.
package final class BillingModule: Module {
    package let calls: ProviderCallService
    package let events: ProviderEventService
    package let customers: CustomerService
    package let payments: PaymentService
    package let refunds: RefundService
    package let invoices: InvoiceService
    package let coupons: CouponService
    package let subscriptions: PaidSubscriptionService
    let prepaid: PrepaidPlanService
    private let planOrders: PlanOrderService
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
        webhooks: WebhookService,
        mailer: Mailer,
        queue: JobQueue,
        stripe: StripeClient?,
        settings: BillingSettings,
        logger: Logger,
        runtime: Runtime
    ) {
        money = MoneyLedgerService(ledger: ledger)
        let provider = ProviderServices(
            database: database, identity: identity, entitlements: entitlements, audit: audit, money: money,
            queue: queue, client: stripe, settings: settings, logger: logger, runtime: runtime)
        calls = provider.calls
        events = provider.events
        customers = provider.customers
        payments = provider.payments
        refunds = provider.refunds
        let prices = ProviderPriceService(
            database: database, plans: entitlements.plans, calls: calls,
            named: Dictionary(uniqueKeysWithValues: settings.prices.map { (Plan.ID($0), $1) }), runtime: runtime)
        let sales = SalesServices(
            database: database, identity: identity, entitlements: entitlements, prices: prices, audit: audit,
            mailer: mailer, settings: settings, hasProvider: stripe != nil, hasUPI: settings.upi != nil,
            runtime: runtime)
        invoices = sales.invoices
        coupons = sales.coupons
        InvoiceEvents.register(with: invoices, webhooks)
        let returns = PlanPaymentReturnService(refunds: refunds, audit: audit, mailer: mailer)
        let paid = SubscriptionServices(
            database: database, identity: identity, entitlements: entitlements, calls: calls, events: events,
            customers: customers, prices: prices, payments: payments, returns: returns, invoices: invoices,
            coupons: coupons, audit: audit, mailer: mailer, queue: queue, settings: settings, logger: logger,
            runtime: runtime)
        subscriptions = paid.subscriptions
        let prepaid = PrepaidServices(
            database: database, entitlements: entitlements, superseded: paid.superseded, payments: payments,
            refunds: refunds, returns: returns, invoices: invoices, audit: audit, mailer: mailer, settings: settings,
            runtime: runtime)
        self.prepaid = prepaid.plans
        planOrders = prepaid.orders
        let upi = UPIServices(
            database: database, identity: identity, entitlements: entitlements, payments: payments,
            prepaid: prepaid.plans, money: money, audit: audit, settings: settings.upi, runtime: runtime)
        let outgoing = PayoutServices(
            database: database, identity: identity, calls: calls, events: events, payments: payments, money: money,
            audit: audit, queue: queue, frontend: settings.frontend, logger: logger, runtime: runtime)
        payouts = outgoing.payouts
        payoutAccounts = outgoing.accounts
        disputes = outgoing.disputes
        finance = outgoing.finance
        identity.events.addObligations { try OpenMoney.obligation(of: $0, in: $1) }
        identity.events.addData { try $1.hasMoney($0) }
        // An invoice is issued last: its number is locked until the transaction ends.
        for purpose in [SubscriptionUpdateService.payments] + PrepaidServices.purposes {
            refunds.onChange(of: purpose) { [invoices] in try invoices.follow($0, of: $1, in: $2) }
        }
        routes = provider.routes + sales.routes + paid.routes + upi.routes + outgoing.routes
        workers = provider.workers + sales.workers + paid.workers + prepaid.workers + upi.workers + outgoing.workers
        schedules =
            provider.schedules + SalesServices.schedules + paid.schedules + PrepaidServices.schedules + upi.schedules
            + outgoing.schedules
        personalDataTables =
            provider.personalDataTables + SalesServices.personalDataTables + SubscriptionServices.personalDataTables
            + PrepaidServices.personalDataTables + UPIServices.personalDataTables + PayoutServices.personalDataTables
    }

    package static let webhookEvents: [WebhookEventType] = [.invoiceIssued]
    package static let migrations: [Migration] =
        ProviderServices.migrations + SalesServices.migrations + SubscriptionServices.migrations
        + PrepaidServices.migrations + UPIServices.migrations + PayoutServices.migrations
    package static let invariants: [Invariant] =
        ProviderServices.invariants + SalesServices.invariants + SubscriptionServices.invariants
        + PrepaidServices.invariants + UPIServices.invariants + PayoutServices.invariants
    package var migrations: [Migration] { Self.migrations }
}

extension BillingModule: PersonalDataProvider {}
