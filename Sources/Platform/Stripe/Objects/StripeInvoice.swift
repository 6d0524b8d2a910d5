package import Base

package struct StripeInvoice: StripeObject {
    package static let object = "invoice"

    package enum Status: String, Sendable, Hashable, CaseIterable {
        case draft, open, paid, uncollectible, void
    }

    package enum BillingReason: String, Sendable, Hashable, CaseIterable {
        case subscriptionCreate = "subscription_create"
        case subscriptionCycle = "subscription_cycle"
        case subscriptionUpdate = "subscription_update"
        case subscriptionThreshold = "subscription_threshold"
        case subscription, manual, upcoming
    }

    package struct Tax: Sendable, Hashable {
        package let amount: Money
        package let isInclusive: Bool
        /// The id of the rate; nil for one that Stripe computed.
        package let rate: String?
        /// What the tax is computed from.
        package let taxableAmount: Money?
    }

    package struct Line: StripeObject {
        package static let object = "line_item"

        package let id: String
        /// Before discounts and taxes that are not included; negative for a credit.
        package let amount: Money
        package let description: String?
        package let quantity: Int64?
        package let isProration: Bool
        package let price: String?
        package let periodStart: Instant
        package let periodEnd: Instant
        /// The sum of the discounts of this line, which `amount` does not contain.
        package let discountAmount: Money
        package let taxes: [Tax]

        package init(_ value: JSONValue) throws(StripeObjectFault) {
            let reader = try StripeReader(value, Self.object)
            id = try reader.string("id")
            amount = try reader.money()
            description = reader.text("description")
            quantity = reader["quantity"]?.integer
            let parent = reader["parent"]
            let details = parent?["subscription_item_details"] ?? parent?["invoice_item_details"]
            isProration = details?["proration"]?.bool ?? false
            let price = StripeReader(unnamed: reader["pricing"]?["price_details"] ?? .null, Self.object)
            self.price = price.reference("price")
            let period = StripeReader(unnamed: try reader.require(reader["period"], "period"), Self.object)
            periodStart = try period.instant("start")
            periodEnd = try period.instant("end")
            discountAmount = try reader.sum("discount_amounts")
            taxes = try reader.taxes("taxes")
        }
    }

    /// Empty for a preview.
    package let id: String
    /// Nil for a preview.
    package let status: StripeState<Status>?
    package let customer: String?
    /// The subscription that it is for; nil for another invoice.
    package let subscription: String?
    package let billingReason: StripeState<BillingReason>?
    package let currency: Currency
    /// Before discounts and taxes that are not included.
    package let subtotal: Money
    /// What has to be paid for the lines, with discounts and taxes; negative where it becomes a credit.
    package let total: Money
    package let amountDue: Money
    package let amountPaid: Money
    package let amountRemaining: Money
    package let discountAmount: Money
    package let taxes: [Tax]
    /// Up to 10 lines; see ``hasMoreLines``.
    package let lines: [Line]
    package let hasMoreLines: Bool
    package let attemptCount: Int64
    package let nextPaymentAttempt: Instant?
    /// With which the customer's page pays the invoice, where the request asked for it; secret from others.
    package let clientSecret: String?
    /// Stripe's number.
    package let number: String?
    package let hostedURL: String?
    package let periodStart: Instant
    package let periodEnd: Instant
    package let paidAt: Instant?
    package let created: Instant
    package let isLive: Bool
    package let metadata: [String: String]

    package init(_ value: JSONValue) throws(StripeObjectFault) {
        let reader = try StripeReader(value, Self.object)
        id = reader.text("id") ?? ""
        status = reader.text("status").map { StripeState($0) }
        customer = reader.reference("customer")
        let details = reader["parent"]?["subscription_details"] ?? .null
        subscription = StripeReader(unnamed: details, Self.object).reference("subscription")
        billingReason = reader.text("billing_reason").map { StripeState($0) }
        currency = try reader.currency()
        subtotal = try reader.money("subtotal")
        total = try reader.money("total")
        amountDue = try reader.money("amount_due")
        amountPaid = try reader.money("amount_paid")
        amountRemaining = try reader.money("amount_remaining")
        discountAmount = try reader.sum("total_discount_amounts")
        taxes = try reader.taxes("total_taxes")
        lines = try reader.list("lines", of: Line.self)
        hasMoreLines = reader["lines"]?["has_more"]?.bool ?? false
        attemptCount = try reader.integer("attempt_count")
        nextPaymentAttempt = reader.time("next_payment_attempt")
        clientSecret = reader["confirmation_secret"]?["client_secret"]?.string
        number = reader.text("number")
        hostedURL = reader.text("hosted_invoice_url")
        periodStart = try reader.instant("period_start")
        periodEnd = try reader.instant("period_end")
        paidAt = StripeReader(unnamed: reader["status_transitions"] ?? .null, Self.object).time("paid_at")
        created = try reader.instant("created")
        isLive = try reader.bool("livemode")
        metadata = reader.metadata()
    }
}

extension StripeReader {
    /// The sum of the amounts of a list.
    fileprivate func sum(_ member: String) throws(StripeObjectFault) -> Money {
        let currency = try currency()
        var sum: Int64 = 0
        for element in self[member]?.array ?? [] {
            let (next, overflow) = sum.addingReportingOverflow(try require(element["amount"]?.integer, member))
            guard !overflow else { throw fault(member) }
            sum = next
        }
        return try require(StripeAmount.money(sum, currency), member)
    }

    fileprivate func taxes(_ member: String) throws(StripeObjectFault) -> [StripeInvoice.Tax] {
        let currency = try currency()
        var taxes: [StripeInvoice.Tax] = []
        for element in self[member]?.array ?? [] {
            let amount = element["amount"]?.integer.flatMap { StripeAmount.money($0, currency) }
            taxes.append(
                StripeInvoice.Tax(
                    amount: try require(amount, member),
                    isInclusive: element["tax_behavior"]?.string == "inclusive",
                    rate: element["tax_rate_details"]?["tax_rate"]?.string,
                    taxableAmount: element["taxable_amount"]?.integer.flatMap { StripeAmount.money($0, currency) }))
        }
        return taxes
    }
}
