import Audit
import Entitlements
import Identity
import Mail
import Modules

/// What plans are sold with: prices, coupons, access codes and invoices.
struct SalesServices {
    let invoices: InvoiceService
    let coupons: CouponService
    let routes: [Route]
    let workers: [Worker]

    init(
        database: any Database, identity: IdentityModule, entitlements: EntitlementsModule,
        prices: ProviderPriceService, audit: AuditService, mailer: Mailer, settings: BillingSettings,
        hasProvider: Bool, hasUPI: Bool, runtime: Runtime
    ) {
        invoices = InvoiceService(
            seller: settings.seller, address: settings.address, audit: audit, mailer: mailer, runtime: runtime)
        coupons = CouponService(runtime: runtime)
        let attempts = entitlements.attempts(CouponService.attemptsName)
        let codes = AccessCodeService(
            database: database, plans: entitlements.plans, subscriptions: entitlements.billing, audit: audit,
            runtime: runtime)
        routes =
            PriceRoutes(plans: entitlements.plans, prices: prices, hasProvider: hasProvider, hasUPI: hasUPI).routes
            + CouponRoutes(
                identity: identity,
                coupons: CouponAdministrationService(
                    database: database, coupons: coupons, plans: entitlements.plans, prices: prices, audit: audit,
                    runtime: runtime),
                attempts: attempts
            ).routes
            + AccessCodeRoutes(identity: identity, codes: codes, attempts: attempts).routes
            + InvoiceRoutes(
                identity: identity, invoices: InvoiceQueryService(database: database, audit: audit)
            ).routes
        workers = [PruneAccessCodesJob.worker(database)]
    }

    static let schedules = [PruneAccessCodesJob.schedule]
    static let migrations = InvoiceSchema.migrations + CouponSchema.migrations + AccessCodeSchema.migrations
    static let invariants = InvoiceInvariants.all + CouponInvariants.all
    static let personalDataTables =
        InvoicePersonalData.tables + CouponPersonalData.tables + AccessCodePersonalData.tables
}
