import Entitlements
import Identity
import Modules
import Plotting

/// Shows QR codes for payments of plans, and what became of them.
final class UPIPaymentService: Sendable {
    private let database: any Database
    private let plans: PlanCatalog
    private let prepaid: PrepaidPlanService
    /// Nil where the installation has no UPI account.
    private let settings: UPISettings?
    private let runtime: Runtime

    /// The country whose prices and taxes are paid by UPI.
    static let region = "IN"

    init(
        database: any Database, plans: PlanCatalog, prepaid: PrepaidPlanService, settings: UPISettings?,
        runtime: Runtime
    ) {
        self.database = database
        self.plans = plans
        self.prepaid = prepaid
        self.settings = settings
        self.runtime = runtime
    }

    /// A code for one period of a plan. The amount is the plan's price; one that the client sends is compared with it.
    /// A repeat answers with the same code while it is valid for ``UPIPayment/reuseTime`` or longer.
    /// - Throws: `not-configured`; `validation-failed`, `plan-not-found`, `payment-required` for a plan that cannot be
    ///   paid for; `amount-mismatch`; `already-subscribed` where another subscription would stay in effect.
    func create(_ request: UPIRequest, scope: Scope) async throws(Problem) -> UPICodeView {
        guard let settings else { throw Problem(.notConfigured) }
        let plan = try plans.current.plan(request)
        guard plan.start == .payment else {
            throw Problem(.paymentRequired, title: "This plan is not sold", detail: "\(plan.name) is not paid for.")
        }
        let cycle = try request.selectedCycle()?.cycle ?? .monthly
        let price = plan.price(every: cycle, in: Self.region, currency: .indianRupee)
        guard let price, price.amount.minorUnits > 0 else {
            throw Problem.invalid("/cycle", "is not one that \(plan.name) is paid for in INR")
        }
        let line = InvoiceLine(plan, price, taxes: plans.taxes(in: Self.region))
        let amount = Money(InvoiceAmounts([line]).total, .indianRupee)
        try request.requireAmount(amount)
        let id = UPIPayment.prefix + Hex.encode(runtime.randomBytes(8))
        let payment = try await database.write { [prepaid] transaction -> UPIPayment in
            // The subscription is locked before the organisation, as by the work that it pays for.
            try transaction.requireCaller(scope)
            try prepaid.requirePayable(plan.id, cycle, by: scope.organisation, in: transaction)
            try transaction.authority(of: scope, SubscriptionService.payers)
            if let open = try transaction.openUPIPayment(
                of: scope.organisation, for: plan.id, cycle, amount: amount,
                until: transaction.now + UPIPayment.reuseTime)
            {
                return open
            }
            let payment = UPIPayment(
                id: id, organisation: scope.organisation, person: scope.person, plan: plan.id, cycle: cycle,
                description: line.description, price: price.amount, amount: amount, at: transaction.now)
            try transaction.insert(payment)
            return payment
        }
        return try Self.view(payment, of: settings, app: request.upiProvider, at: runtime.now())
    }

    private static func view(_ payment: UPIPayment, of settings: UPISettings, app: String?, at now: Instant)
        throws(Problem) -> UPICodeView
    {
        let link = UPILink(
            to: settings, rupees: payment.amount.text, note: payment.description, reference: payment.id)
        let image: PlotImage
        do { image = try QRCode(link.text).image() } catch { throw Problem(.internalError, cause: error) }
        return UPICodeView(payment, link: link, image: image.dataURL, settings: settings, app: app, at: now)
    }

    /// - Throws: `not-found` for a code of another organisation.
    func status(_ id: String, scope: Scope) async throws(Problem) -> UPIStatusView {
        try await database.read { transaction in
            guard let payment = try transaction.upiPayment(id, of: scope.organisation) else {
                throw Problem(.notFound)
            }
            return UPIStatusView(payment, at: transaction.now)
        }
    }

    /// - Parameter filter: of an administrator; that of others is limited to their organisation.
    /// - Throws: `insufficient-role` for another's codes.
    func list(_ filter: UPIPaymentFilter, scope: Scope, limit: Int, offset: Int) async throws(Problem)
        -> Page<UPITransactionView>
    {
        var filter = filter
        if scope.role != .admin {
            guard filter.organisation == nil, filter.person == nil || filter.person == scope.person else {
                throw Problem(.insufficientRole)
            }
            filter.organisation = scope.organisation
        }
        return try await database.read { [filter] transaction in
            let (rows, total) = try transaction.upiPayments(filter, limit: limit, offset: offset)
            return Page(
                data: rows.map { UPITransactionView($0, at: transaction.now) }, total: total, limit: limit,
                offset: offset)
        }
    }
}
