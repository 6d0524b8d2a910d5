import Audit
import Entitlements
import Identity
import Mail
import Modules

/// The services of plans that are paid for in advance, wired.
struct PrepaidServices {
    let plans: PrepaidPlanService
    let orders: PlanOrderService
    let workers: [Worker]

    init(
        database: any Database, entitlements: EntitlementsModule, superseded: SupersededSubscriptionService,
        payments: PaymentService, refunds: RefundService, returns: PlanPaymentReturnService, invoices: InvoiceService,
        audit: AuditService, mailer: Mailer, settings: BillingSettings, runtime: Runtime
    ) {
        plans = PrepaidPlanService(
            database: database, plans: entitlements.plans, billing: entitlements.billing, superseded: superseded,
            invoices: invoices, audit: audit, mailer: mailer, page: settings.accountPage)
        orders = PlanOrderService(
            plans: entitlements.plans, prepaid: plans, payments: payments, returns: returns, runtime: runtime)
        workers = [RemindPrepaidPlansJob.worker(plans)]
        // Plans return payments through refunds: strong references would be a cycle.
        for purpose in Self.purposes {
            refunds.require(of: purpose) { [weak plans] in try plans?.requireReturnable($0, of: $1, in: $2) }
            refunds.onChange(of: purpose) { [weak plans] in try plans?.follow($0, of: $1, in: $2) }
        }
    }

    /// The purposes whose payments pay for periods in advance.
    static let purposes = [PlanOrderService.purpose, UPIReceiptService.purpose]
    static let schedules = [RemindPrepaidPlansJob.schedule]
    static let migrations = PrepaidSchema.migrations
    static let invariants = PrepaidInvariants.all
    static let personalDataTables = PrepaidPersonalData.tables
}
