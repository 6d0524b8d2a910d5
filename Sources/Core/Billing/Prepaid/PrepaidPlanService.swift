import Audit
import Entitlements
import Identity
import Mail
import Modules

/// Plans that are paid for in advance: each payment starts a subscription or extends it by one period, and owners are
/// reminded before its end.
final class PrepaidPlanService: Sendable {
    /// How many reminders one transaction sends.
    private static let batchMax = 200
    /// How long after the end its e-mail is still sent, where no job ran before.
    private static let endNoticeTime = Duration.days(7)

    private let database: any Database
    private let plans: PlanCatalog
    private let billing: SubscriptionBillingService
    private let superseded: SupersededSubscriptionService
    private let invoices: InvoiceService
    private let audit: AuditService
    private let mailer: Mailer
    /// The page where customers manage their plan.
    private let page: String

    init(
        database: any Database, plans: PlanCatalog, billing: SubscriptionBillingService,
        superseded: SupersededSubscriptionService, invoices: InvoiceService, audit: AuditService, mailer: Mailer,
        page: String
    ) {
        self.database = database
        self.plans = plans
        self.billing = billing
        self.superseded = superseded
        self.invoices = invoices
        self.audit = audit
        self.mailer = mailer
        self.page = page
    }

    // MARK: Payments

    /// Checks that a period of the plan can be paid for. The organisation's subscription is locked.
    /// - Throws: `already-subscribed` where another subscription would stay in effect, also a prepaid one of another
    ///   plan or cycle, and while the payment of the last period is being refunded.
    func requirePayable(_ plan: Plan.ID, _ cycle: Cycle, by organisation: ID<Organisation>, in transaction: Transaction)
        throws
    {
        _ = try period(before: plan, cycle, of: organisation, in: transaction)
    }

    /// As ``requirePayable(_:_:by:in:)``, for money that has arrived.
    /// - Returns: false also where the organisation was erased.
    func isPayable(_ plan: Plan.ID, _ cycle: Cycle, by organisation: ID<Organisation>, in transaction: Transaction)
        throws -> Bool
    {
        guard try transaction.hasPayer(organisation) else { return false }
        do {
            try requirePayable(plan, cycle, by: organisation, in: transaction)
            return true
        } catch let problem as Problem where problem.kind == .alreadySubscribed {
            return false
        }
    }

    /// The period that a payment would follow; nil where it would start a subscription.
    private func period(
        before plan: Plan.ID, _ cycle: Cycle, of organisation: ID<Organisation>, in transaction: Transaction
    ) throws -> PrepaidPeriod? {
        var last = try transaction.lastPrepaidPeriod(of: organisation)
        while true {
            let former = last.flatMap { $0.plan == plan && $0.cycle == cycle ? $0 : nil }
            // The payment is locked before the subscriptions, as by its refunds.
            let isRefunded = try former.map { try self.isRefunded($0, in: transaction) } ?? false
            try superseded.lock(of: organisation, in: transaction)
            let isReplaceable = try billing.isReplaceable(by: former?.subscription, of: organisation, in: transaction)
            let present = try transaction.lastPrepaidPeriod(of: organisation)
            guard present == last else {
                // Another payment was applied before the lock was had.
                last = present
                continue
            }
            guard isReplaceable else { throw Problem(.alreadySubscribed) }
            guard !isRefunded else {
                throw Problem(
                    .alreadySubscribed,
                    detail: "The payment of the last period is being refunded: it can be paid for again afterwards.")
            }
            return former
        }
    }

    /// Whether all of a period's money is returned, or is to be. Its payment is locked.
    private func isRefunded(_ period: PrepaidPeriod, in transaction: Transaction) throws -> Bool {
        guard let payment = try transaction.lockedPayment(period.payment) else { return false }
        return payment.refundedMinor == payment.receivedMinor
    }

    /// Starts or extends the subscription that a payment is for. ``issueInvoice(for:_:paidBy:by:in:)`` follows as the
    /// last thing that the transaction does.
    /// - Throws: `already-subscribed`.
    func apply(_ plan: PrepaidPlan, paidBy payment: Payment, in transaction: Transaction) throws -> PrepaidPeriod {
        let last = try period(before: plan.plan, plan.cycle, of: plan.organisation, in: transaction)
        let period = PrepaidPeriod(of: plan, paidBy: payment.id, after: last, at: transaction.now)
        guard try billing.apply(period.billingState, to: plan.organisation, in: transaction) != nil else {
            // Another payment has begun a subscription at the same time.
            throw Problem(.alreadySubscribed)
        }
        try transaction.insert(period)
        try superseded.supersede(of: plan.organisation, in: transaction)
        return period
    }

    /// - Parameter method: as the invoice shows it, such as `Card`.
    func issueInvoice(
        for plan: PrepaidPlan, _ period: PrepaidPeriod, paidBy payment: Payment, by method: String,
        in transaction: Transaction
    ) throws {
        let line = InvoiceLine(
            plan.description, unitAmount: plan.price.minorUnits, taxes: plans.taxes(in: plan.region))
        try invoices.issue(
            NewInvoice(
                source: "payment:\(payment.id)", organisation: plan.organisation,
                paid: Money(payment.receivedMinor, payment.amount.currency), lines: [line], payment: payment.id,
                paymentMethod: method, period: period.range),
            in: transaction)
    }

    // MARK: Refunds

    /// Checks that an amount of a payment can be refunded: all of it only where no later period follows its own, which
    /// would be left without the one before.
    /// - Parameter payment: locked.
    /// - Throws: `payment-state`.
    func requireReturnable(_ amount: Money, of payment: Payment, in transaction: Transaction) throws {
        guard payment.refundedMinor + amount.minorUnits >= payment.receivedMinor,
            try transaction.isPrepaidPeriodFollowed(of: payment.id)
        else { return }
        throw Problem(
            .paymentState, detail: "Another period that is paid for follows this one: refund its payment first.")
    }

    /// Takes the period of a payment back once all of its money was returned, and gives it again where the bank or the
    /// provider did not return the money after all.
    func follow(_ refund: Refund, of payment: Payment, in transaction: Transaction) throws {
        switch refund.state {
        case .succeeded where payment.refundedMinor == payment.receivedMinor:
            try takeBack(payment, because: refund, in: transaction)
        case .failed: try giveAgain(payment, because: refund, in: transaction)
        case .requested, .pending, .succeeded: break
        }
    }

    /// The subscription ends now, or with the period before where this one has not begun. A period that another one
    /// follows stays, such as where its money was returned in the provider's dashboard, until the later one goes.
    private func takeBack(_ payment: Payment, because refund: Refund, in transaction: Transaction) throws {
        guard var period = try transaction.returnPrepaidPeriod(of: payment.id) else { return }
        while let former = try transaction.returnRefundedPrepaidPeriod(before: period) {
            try record("returned", period, refund, in: transaction)
            period = former
        }
        try billing.shorten(
            period.subscription, to: max(period.range.lowerBound, transaction.now), of: payment.organisation,
            in: transaction)
        try record("returned", period, refund, in: transaction)
    }

    /// The subscription lasts until the end of the period again. Where another one is in effect by now, or another
    /// payment has paid for the period, an administrator refunds the payment again: the audit entry tells it.
    private func giveAgain(_ payment: Payment, because refund: Refund, in transaction: Transaction) throws {
        guard let period = try transaction.returnedPrepaidPeriod(of: payment.id),
            try transaction.hasPayer(payment.organisation)
        else { return }
        try superseded.lock(of: payment.organisation, in: transaction)
        guard try billing.isReplaceable(by: period.subscription, of: payment.organisation, in: transaction),
            period.range.upperBound > transaction.now,
            try transaction.restorePrepaidPeriod(of: payment.id)
        else {
            return try record("not-restored", period, refund, outcome: .failure, in: transaction)
        }
        try billing.apply(period.billingState, to: payment.organisation, in: transaction)
        try superseded.supersede(of: payment.organisation, in: transaction)
        try record("restored", period, refund, in: transaction)
    }

    private func record(
        _ event: String, _ period: PrepaidPeriod, _ refund: Refund, outcome: AuditEvent.Outcome = .success,
        in transaction: Transaction
    ) throws {
        try audit.record(
            AuditEvent(
                "prepaid-period.\(event)", outcome: outcome, organisation: refund.organisation.text,
                subject: period.payment.text, details: ["plan": period.plan.text, "refund": refund.id.text]),
            in: transaction)
    }

    // MARK: Reminders

    /// Sends the reminders that are due, each once. Safe to run at any time and on several nodes at once.
    func remindAll() async throws(Problem) {
        while try await remindBatch() == Self.batchMax {}
    }

    private func remindBatch() async throws(Problem) -> Int {
        try await database.write { [self] transaction in
            let due = try transaction.prepaidPeriodsToRemind(
                endedSince: transaction.now - Self.endNoticeTime, limit: Self.batchMax)
            for (period, days) in due where try transaction.insertReminder(of: period, days: days) {
                try remind(of: period, days: days, in: transaction)
            }
            return due.count
        }
    }

    private func remind(of period: PrepaidPeriod, days: Int64, in transaction: Transaction) throws {
        let name = plans.current[period.plan]?.name ?? period.plan.text
        var values = ["plan": name, "link": page]
        if days > 0 { values["ends"] = period.range.upperBound.description }
        try send(days > 0 ? "plan-warning" : "subscription-ended", to: period.organisation, values, in: transaction)
    }

    /// Sends an e-mail to the owners of an organisation.
    func send(
        _ template: String, to organisation: ID<Organisation>, _ values: [String: String], in transaction: Transaction
    ) throws {
        try mailer.send(template, toOwnersOf: organisation, values, in: transaction)
    }
}
