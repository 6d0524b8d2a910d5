import Audit
import Entitlements
import Identity
import Mail
import Modules

/// The services of subscriptions that are paid for, wired.
struct SubscriptionServices {
    let subscriptions: PaidSubscriptionService
    let superseded: SupersededSubscriptionService
    private let planner: PlannerSubscriptionService
    private let updates: SubscriptionUpdateService
    private let checkout: CheckoutService
    private let methods: PaymentMethodService
    private let events: ProviderEventService
    private let identity: IdentityModule
    private let couponAttempts: CouponAttemptLimit
    private let prices: ProviderPriceService
    private let charges: InvoiceChargeService

    init(
        database: any Database, identity: IdentityModule, entitlements: EntitlementsModule,
        calls: ProviderCallService, events: ProviderEventService, customers: CustomerService,
        prices: ProviderPriceService, payments: PaymentService, returns: PlanPaymentReturnService,
        invoices: InvoiceService, coupons: CouponService, audit: AuditService, mailer: Mailer, queue: JobQueue,
        settings: BillingSettings, logger: Logger, runtime: Runtime
    ) {
        self.identity = identity
        self.events = events
        couponAttempts = CouponAttemptLimit(attempts: entitlements.attempts(CouponService.attemptsName))
        superseded = SupersededSubscriptionService(
            calls: calls, payments: payments, returns: returns, audit: audit, runtime: runtime)
        updates = SubscriptionUpdateService(
            entitlements: entitlements, events: events, customers: customers, payments: payments, invoices: invoices,
            coupons: coupons, superseded: superseded,
            notices: SubscriptionNoticeService(
                plans: entitlements.plans, mailer: mailer, page: settings.accountPage),
            queue: queue, logger: logger)
        let subscriptionCalls = SubscriptionCallService(
            calls: calls, billing: entitlements.billing, updates: updates, runtime: runtime)
        let attempts = SubscriptionAttemptService(
            database: database, billing: entitlements.billing, provider: calls, calls: subscriptionCalls,
            events: events, customers: customers, prices: prices,
            coupons: ProviderCouponService(database: database, calls: calls, coupons: coupons, runtime: runtime),
            audit: audit, runtime: runtime)
        subscriptions = PaidSubscriptionService(
            database: database, entitlements: entitlements, provider: calls, calls: subscriptionCalls, events: events,
            customers: customers, prices: prices, attempts: attempts, audit: audit,
            publishableKey: settings.publishableKey, runtime: runtime)
        planner = PlannerSubscriptionService(
            database: database, entitlements: entitlements, customers: customers, subscriptions: subscriptions)
        checkout = CheckoutService(
            database: database, entitlements: entitlements, calls: calls, customers: customers, attempts: attempts,
            subscriptions: subscriptions, frontend: settings.frontend, runtime: runtime)
        self.prices = prices
        charges = InvoiceChargeService(database: database, calls: calls, superseded: superseded)
        methods = PaymentMethodService(
            database: database, calls: calls, customers: customers, audit: audit,
            publishableKey: settings.publishableKey, runtime: runtime)
        identity.events.onAccountClosed { [superseded] _, organisation, transaction in
            try superseded.end(of: organisation, in: transaction)
        }
    }

    var routes: [Route] {
        PaidSubscriptionRoutes(
            identity: identity, subscriptions: subscriptions, planner: planner, couponAttempts: couponAttempts
        ).routes
            + CheckoutRoutes(identity: identity, checkout: checkout, couponAttempts: couponAttempts).routes
            + PaymentMethodRoutes(identity: identity, methods: methods).routes
            + CustomerRoutes(identity: identity, methods: methods).routes
    }
    var workers: [Worker] {
        [
            ReadProviderObjectJob.worker(events), ReadNamedPricesJob.worker(prices),
            FindInvoiceChargeJob.worker(charges),
        ]
    }
    var schedules: [Schedule] { [ReadNamedPricesJob.schedule] }

    static let migrations = ProviderSubscriptionSchema.migrations
    static let invariants = ProviderSubscriptionInvariants.all
    static let personalDataTables = ProviderSubscriptionPersonalData.tables
}
