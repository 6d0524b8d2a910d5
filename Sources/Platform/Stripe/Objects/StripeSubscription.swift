package import Base

package struct StripeSubscription: StripeObject {
    package static let object = "subscription"

    package enum Status: String, Sendable, Hashable, CaseIterable {
        case incomplete
        case incompleteExpired = "incomplete_expired"
        case trialing, active
        case pastDue = "past_due"
        case unpaid, paused, canceled
    }

    package enum PaymentBehavior: String, Sendable, Hashable, CaseIterable {
        case allowIncomplete = "allow_incomplete"
        case defaultIncomplete = "default_incomplete"
        case errorIfIncomplete = "error_if_incomplete"
        case pendingIfIncomplete = "pending_if_incomplete"
    }

    package enum Proration: String, Sendable, Hashable, CaseIterable {
        case none
        case createProrations = "create_prorations"
        case alwaysInvoice = "always_invoice"
    }

    package struct Item: StripeObject {
        package static let object = "subscription_item"

        package let id: String
        package let price: StripePrice
        package let quantity: Int64?
        package let periodStart: Instant
        package let periodEnd: Instant

        package init(_ value: JSONValue) throws(StripeObjectFault) {
            let reader = try StripeReader(value, Self.object)
            id = try reader.string("id")
            price = try StripePrice(try reader.require(reader["price"], "price"))
            quantity = reader["quantity"]?.integer
            periodStart = try reader.instant("current_period_start")
            periodEnd = try reader.instant("current_period_end")
        }
    }

    package let id: String
    package let status: StripeState<Status>
    package let customer: String
    /// Gatehouse's subscriptions have one.
    package let items: [Item]
    package let currency: Currency
    package let cancelsAtPeriodEnd: Bool
    package let cancelAt: Instant?
    package let canceledAt: Instant?
    package let endedAt: Instant?
    package let trialStart: Instant?
    package let trialEnd: Instant?
    package let startedAt: Instant
    package let billingCycleAnchor: Instant
    /// Whether invoices are not collected; the status does not change.
    package let isCollectionPaused: Bool
    /// Whether a change of the price waits for its payment.
    package let hasPendingUpdate: Bool
    package let defaultPaymentMethod: String?
    package let latestInvoice: String?
    /// The newest invoice, where the request asked for it.
    package let invoice: StripeInvoice?
    package let pendingSetupIntent: String?
    /// The intent by which a trial without a first payment takes a payment method, where the request asked for it.
    package let setupIntent: StripeSetupIntent?
    package let created: Instant
    package let isLive: Bool
    package let metadata: [String: String]

    /// The period of the first item.
    package var periodStart: Instant? { items.first?.periodStart }
    package var periodEnd: Instant? { items.first?.periodEnd }

    package init(_ value: JSONValue) throws(StripeObjectFault) {
        let reader = try StripeReader(value, Self.object)
        id = try reader.string("id")
        status = try reader.state()
        customer = try reader.id("customer")
        items = try reader.list("items", of: Item.self)
        currency = try reader.currency()
        cancelsAtPeriodEnd = try reader.bool("cancel_at_period_end")
        cancelAt = reader.time("cancel_at")
        canceledAt = reader.time("canceled_at")
        endedAt = reader.time("ended_at")
        trialStart = reader.time("trial_start")
        trialEnd = reader.time("trial_end")
        startedAt = try reader.instant("start_date")
        billingCycleAnchor = try reader.instant("billing_cycle_anchor")
        isCollectionPaused = reader["pause_collection"] != nil
        hasPendingUpdate = reader["pending_update"] != nil
        defaultPaymentMethod = reader.reference("default_payment_method")
        latestInvoice = reader.reference("latest_invoice")
        invoice = try reader.expanded("latest_invoice", as: StripeInvoice.self)
        pendingSetupIntent = reader.reference("pending_setup_intent")
        setupIntent = try reader.expanded("pending_setup_intent", as: StripeSetupIntent.self)
        created = try reader.instant("created")
        isLive = try reader.bool("livemode")
        metadata = reader.metadata()
    }
}
