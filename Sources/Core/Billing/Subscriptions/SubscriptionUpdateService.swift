import Entitlements
import Identity
import Modules
import Stripe

/// Applies what the provider says about subscriptions, their invoices and their Checkout sessions: as events name them,
/// and as the responses to calls have them. A state that is not newer than the applied one changes nothing.
package final class SubscriptionUpdateService: Sendable {
    /// The metadata by which a subscription names its row.
    static let metadataKey = "gatehouse_subscription"
    package static let payments = PaymentPurpose("subscription")

    private let plans: PlanCatalog
    private let billing: SubscriptionBillingService
    private let events: ProviderEventService
    private let customers: CustomerService
    private let payments: PaymentService
    private let invoices: InvoiceService
    private let coupons: CouponService
    private let superseded: SupersededSubscriptionService
    private let notices: SubscriptionNoticeService
    private let queue: JobQueue
    private let logger: Logger

    init(
        entitlements: EntitlementsModule, events: ProviderEventService, customers: CustomerService,
        payments: PaymentService, invoices: InvoiceService, coupons: CouponService,
        superseded: SupersededSubscriptionService, notices: SubscriptionNoticeService, queue: JobQueue, logger: Logger
    ) {
        plans = entitlements.plans
        billing = entitlements.billing
        self.events = events
        self.customers = customers
        self.payments = payments
        self.invoices = invoices
        self.coupons = coupons
        self.superseded = superseded
        self.notices = notices
        self.queue = queue
        self.logger = logger
        payments.register(Self.payments, to: .revenue) { _, _ in }
        events.register(.subscription) { [weak self] in try self?.applySubscription($0, in: $1) ?? .ignored }
        events.register(.invoice) { [weak self] in try self?.applyInvoice($0, in: $1) ?? .ignored }
        events.register(.checkoutSession) { [weak self] in try self?.applySession($0, in: $1) ?? .ignored }
    }

    // MARK: Events

    private func applySubscription(_ object: ProviderObject, in transaction: Transaction) throws
        -> ProviderEventService.Effect
    {
        let subscription = try StripeSubscription(object.value)
        guard var row = try row(of: subscription, in: transaction) else { return .ignored }
        try take(subscription, in: &row, transaction)
        return .applied
    }

    private func applySession(_ object: ProviderObject, in transaction: Transaction) throws
        -> ProviderEventService.Effect
    {
        let session = try StripeCheckoutSession(object.value)
        guard var row = try row(of: session, in: transaction) else { return .ignored }
        try take(session, in: &row, transaction)
        return .applied
    }

    private func applyInvoice(_ object: ProviderObject, in transaction: Transaction) throws
        -> ProviderEventService.Effect
    {
        let invoice = try StripeInvoice(object.value)
        guard let subscription = invoice.subscription else { return .ignored }
        guard var row = try transaction.lockedProviderSubscription(ofProviderID: subscription) else {
            guard try isAwaited(invoice, in: transaction) else { return .ignored }
            throw Problem(.conflict, detail: "The invoice's subscription is not known yet.")
        }
        if invoice.status == .some(StripeState(.paid)) {
            let before = row
            row.pay(invoice)
            if row != before { try store(&row, replacing: before, in: transaction) }
            try record(invoice, of: row, in: transaction)
        } else if invoice.status == .some(StripeState(.open)) {
            // One fetch may be for an attempt that failed and for an action that is needed.
            let action = "invoice.payment_action_required"
            if object.eventTypes != [action] {
                try notices.sendDunning(invoice, of: row, needsAction: false, in: transaction)
            }
            if object.eventTypes.contains(action) {
                try notices.sendDunning(invoice, of: row, needsAction: true, in: transaction)
            }
        }
        return .applied
    }

    /// Whether the invoice is of a customer whose subscription is being made.
    private func isAwaited(_ invoice: StripeInvoice, in transaction: Transaction) throws -> Bool {
        guard let customer = invoice.customer,
            let organisation = try customers.organisation(ofCustomer: customer, in: transaction),
            let live = try transaction.lockedLiveProviderSubscription(of: organisation)
        else { return false }
        return live.providerID == nil
    }

    private func row(of subscription: StripeSubscription, in transaction: Transaction) throws -> ProviderSubscription? {
        if let row = try transaction.lockedProviderSubscription(ofProviderID: subscription.id) { return row }
        return try named(by: subscription.metadata, customer: subscription.customer, in: transaction) {
            $0.providerID == nil
        }
    }

    private func row(of session: StripeCheckoutSession, in transaction: Transaction) throws -> ProviderSubscription? {
        if let row = try transaction.lockedProviderSubscription(ofSession: session.id) { return row }
        return try named(by: session.metadata, customer: session.customer, in: transaction) { $0.sessionID == nil }
    }

    /// The row that an object's metadata name, where the object belongs to the row's customer.
    private func named(
        by metadata: [String: String], customer: String?, in transaction: Transaction,
        where isOpen: (ProviderSubscription) -> Bool
    ) throws -> ProviderSubscription? {
        guard let name = metadata[Self.metadataKey], let customer,
            let row = try transaction.lockedProviderSubscription(ID(trusted: name)), isOpen(row),
            try customers.organisation(ofCustomer: customer, in: transaction) == row.organisation
        else { return nil }
        return row
    }

    // MARK: Responses to calls

    /// Applies the subscription that a call has made or changed.
    func applyResponse(subscription value: JSONValue, to call: ProviderCall, in transaction: Transaction) throws {
        let subscription = try StripeSubscription(value)
        guard var row = try transaction.lockedProviderSubscription(ID(trusted: call.subject)),
            try isNewest(subscription.id, call, in: transaction)
        else { return }
        try take(subscription, in: &row, transaction)
    }

    /// Applies the Checkout session that a call has made or ended.
    func applyResponse(session value: JSONValue, to call: ProviderCall, in transaction: Transaction) throws {
        let session = try StripeCheckoutSession(value)
        guard var row = try transaction.lockedProviderSubscription(ID(trusted: call.subject)),
            try isNewest(session.id, call, in: transaction)
        else { return }
        try take(session, in: &row, transaction)
    }

    private func isNewest(_ object: String, _ call: ProviderCall, in transaction: Transaction) throws -> Bool {
        try events.observe(object, seenAt: call.sentAt ?? transaction.now, in: transaction)
    }

    /// Ends an attempt that the provider has refused to make.
    func end(_ id: ID<ProviderSubscription>, in transaction: Transaction) throws {
        guard var row = try transaction.lockedProviderSubscription(id), row.isLive else { return }
        let before = row
        row.end(at: transaction.now)
        try store(&row, replacing: before, in: transaction)
    }

    /// Applies what is known of a subscription to the organisation's plan again.
    func applyAgain(_ id: ID<ProviderSubscription>, in transaction: Transaction) throws {
        guard let before = try transaction.lockedProviderSubscription(id) else { return }
        var row = before
        try store(&row, replacing: before, in: transaction)
    }

    /// Has a subscription, and its newest invoice, read again.
    func readAgain(_ id: ID<ProviderSubscription>, in transaction: Transaction) throws {
        guard let row = try transaction.lockedProviderSubscription(id) else { return }
        if let session = row.sessionID, row.providerID == nil {
            try read(session, .session, for: row, in: transaction)
        }
        guard let subscription = row.providerID else { return }
        try read(subscription, .subscription, for: row, in: transaction)
        if let invoice = row.latestInvoice { try read(invoice, .invoice, for: row, in: transaction) }
    }

    // MARK: Shared

    private func take(
        _ subscription: StripeSubscription, in row: inout ProviderSubscription, _ transaction: Transaction
    ) throws {
        let before = row
        let item = subscription.items.first
        let price = try item.flatMap { try transaction.providerPrice(ofProviderID: $0.price.id) }
        row.take(subscription, price: price, at: transaction.now)
        guard row != before else { return }
        if subscription.status.known == nil {
            logger.error(
                "The payment provider has a status of a subscription that is not known here. Its plan is denied.",
                metadata: ["subscription": "\(subscription.id)", "status": "\(subscription.status.text)"])
        }
        if price == nil, row.isLive {
            logger.error(
                "A subscription has a price at the payment provider that was not made here. Its plan stays.",
                metadata: ["subscription": "\(subscription.id)", "price": "\(item?.price.id ?? "")"])
        }
        try store(&row, replacing: before, in: transaction)
        if let invoice = row.latestInvoice, invoice != before.latestInvoice {
            // Its events may be late, or have come before the subscription was known.
            try read(invoice, .invoice, for: row, in: transaction)
        }
    }

    private func take(
        _ session: StripeCheckoutSession, in row: inout ProviderSubscription, _ transaction: Transaction
    ) throws {
        let before = row
        row.take(session, at: transaction.now)
        guard row != before else { return }
        try store(&row, replacing: before, in: transaction)
        if let subscription = row.providerID, row.providerStatus == nil {
            try read(subscription, .subscription, for: row, in: transaction)
        }
    }

    /// Writes a change and what follows from it. What is paid for first while another plan is in effect is superseded.
    private func store(
        _ row: inout ProviderSubscription, replacing before: ProviderSubscription, in transaction: Transaction
    ) throws {
        if row.isSuperseded {
            if before.providerID != row.providerID || before.sessionID != row.sessionID {
                try superseded.end(&row, in: transaction)
            }
        } else if row.isPaidFor, !before.isPaidFor,
            try !billing.isReplaceable(by: row.id.text, of: row.organisation, in: transaction)
        {
            try superseded.supersede(&row, in: transaction)
        }
        try transaction.update(row)
        if row.state == .ended, row.paidThrough == nil || row.isSuperseded {
            try coupons.release(
                operation: ProviderSubscription.couponOperation(row.id), of: row.organisation, in: transaction)
        }
        guard !row.isSuperseded else { return }
        if let change = try billing.apply(row.billingState, to: row.organisation, in: transaction) {
            try notices.send(change, of: row, in: transaction)
        }
        try notices.sendEnd(of: row, in: transaction)
    }

    private func read(
        _ object: String, _ kind: ReadProviderObjectJob.Kind, for row: ProviderSubscription, in transaction: Transaction
    ) throws {
        try queue.enqueue(
            ReadProviderObjectJob(object: object, kind: kind),
            ReadProviderObjectJob.options(object, of: row.organisation), in: transaction)
    }

    /// Posts the money of an invoice and issues ours for it, once. What a coupon has reduced to nothing has an invoice
    /// too, and no payment.
    private func record(_ invoice: StripeInvoice, of row: ProviderSubscription, in transaction: Transaction) throws {
        let hasDiscount = invoice.discountAmount.minorUnits > 0
        let name = plans.current[row.plan]?.name ?? row.plan.text
        var payment: Payment?
        if invoice.amountPaid.minorUnits > 0 {
            payment = try pay(invoice, of: row, named: name, in: transaction)
            guard payment != nil else { return }
            try queue.enqueue(
                FindInvoiceChargeJob(invoice: invoice.id),
                FindInvoiceChargeJob.options(invoice.id, of: row.organisation), in: transaction)
        } else {
            guard hasDiscount, invoice.total.minorUnits == 0 else { return }
        }
        // What is returned is not invoiced.
        guard !row.isSuperseded else { return }
        let coupon =
            hasDiscount
            ? try coupons.redemption(
                ofOperation: ProviderSubscription.couponOperation(row.id), of: row.organisation, in: transaction) : nil
        let recurring = invoice.lines.first { !$0.isProration } ?? invoice.lines.first
        try invoices.issue(
            NewInvoice(
                source: payment.map { "payment:\($0.id)" } ?? "invoice:\(invoice.id)", organisation: row.organisation,
                paid: invoice.amountPaid, lines: lines(of: invoice, row, named: name), payment: payment?.id,
                paymentMethod: payment.map { _ in "Card" },
                period: recurring.map { $0.periodStart..<max($0.periodStart, $0.periodEnd) },
                couponCode: coupon?.coupon.code),
            in: transaction)
    }

    /// - Returns: nil where the money was posted before.
    private func pay(
        _ invoice: StripeInvoice, of row: ProviderSubscription, named name: String, in transaction: Transaction
    ) throws -> Payment? {
        try payments.record(
            ReceivedPayment(
                NewPayment(
                    organisation: row.organisation, person: row.person, purpose: Self.payments,
                    subject: row.id.text, amount: invoice.amountPaid, description: "\(name), \(row.cycle.rawValue)"),
                by: .invoice, providerID: invoice.id, receivedAt: invoice.paidAt ?? transaction.now),
            in: transaction)
    }

    /// The provider's lines. Its prices contain all taxes, and its discounts are taken off prices with taxes.
    private func lines(of invoice: StripeInvoice, _ row: ProviderSubscription, named name: String) -> [InvoiceLine] {
        let plan = plans.current[row.plan]
        let taxes = plans.taxes(in: row.region).map { TaxRate($0.name, millionths: $0.millionths, isInclusive: true) }
        if invoice.lines.count == 1, let line = invoice.lines.first, !line.isProration, let plan,
            let price = price(of: row, plan)
        {
            let own = InvoiceLine(plan, price, taxes: plans.taxes(in: row.region))
            guard line.discountAmount.minorUnits > 0 else { return [own] }
            return [
                InvoiceLine(
                    own.description, unitAmount: line.amount.minorUnits, discount: line.discountAmount.minorUnits,
                    taxes: taxes)
            ]
        }
        let lines = invoice.lines.map { line in
            // The discount of unused time is below zero: so much less is given back.
            let discount = line.discountAmount.minorUnits
            return InvoiceLine(
                line.description ?? name, unitAmount: line.amount.minorUnits - min(0, discount),
                discount: max(0, discount), taxes: taxes)
        }
        return lines.isEmpty ? [InvoiceLine(name, unitAmount: invoice.amountPaid.minorUnits, taxes: taxes)] : lines
    }

    /// The price of the catalogue that the row's amount comes from; nil where the catalogue has changed since.
    private func price(of row: ProviderSubscription, _ plan: Plan) -> Price? {
        plan.prices.first { price in
            price.cycle == row.cycle && price.region == row.region && price.amount.currency == row.amount.currency
                && InvoiceAmounts([InvoiceLine(plan, price, taxes: plans.taxes(in: row.region))]).total
                    == row.amount.minorUnits
        }
    }
}
