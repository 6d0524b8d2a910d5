import Audit
import Entitlements
import Identity
import Modules

/// The services of payments by UPI, wired.
struct UPIServices {
    let routes: [Route]
    let workers: [Worker]
    let schedules = [PruneUPIPaymentsJob.schedule]

    init(
        database: any Database, identity: IdentityModule, entitlements: EntitlementsModule, payments: PaymentService,
        prepaid: PrepaidPlanService, money: MoneyLedgerService, audit: AuditService, settings: UPISettings?,
        runtime: Runtime
    ) {
        let receipts = UPIReceiptService(
            database: database, payments: payments, prepaid: prepaid, money: money, audit: audit, runtime: runtime)
        routes =
            UPIRoutes(
                payments: UPIPaymentService(
                    database: database, plans: entitlements.plans, prepaid: prepaid, settings: settings,
                    runtime: runtime),
                receipts: receipts,
                callbacks: UPICallbackService(receipts: receipts, settings: settings, runtime: runtime),
                identity: identity, entitlements: entitlements
            ).routes
        workers = [PruneUPIPaymentsJob.worker(database)]
    }

    static let migrations = UPISchema.migrations
    static let invariants = UPIInvariants.all
    static let personalDataTables = UPIPersonalData.tables
}
