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
        calls = ProviderCallService(client: stripe, database: database, queue: queue, logger: logger)
        events = ProviderEventService(
            client: stripe, database: database, queue: queue, logger: logger, runtime: runtime)
        customers = CustomerService()
        payments = PaymentService()
        refunds = RefundService()
        invoices = InvoiceService()
        coupons = CouponService()
        money = MoneyLedgerService(ledger: ledger)
        let outgoing = PayoutServices(
            database: database, identity: identity, calls: calls, events: events, payments: payments, money: money,
            audit: audit, queue: queue, frontend: settings.frontend, logger: logger, runtime: runtime)
        payouts = outgoing.payouts
        payoutAccounts = outgoing.accounts
        disputes = outgoing.disputes
        finance = outgoing.finance
        routes = outgoing.routes
        workers = outgoing.workers
        schedules = outgoing.schedules
    }

    package static let migrations: [Migration] = PayoutServices.migrations
    package static let invariants: [Invariant] = PayoutServices.invariants
    package var migrations: [Migration] { Self.migrations }
}

extension BillingModule: PersonalDataProvider {
    package var personalDataTables: [PersonalDataTable] { PayoutServices.personalDataTables }
}
