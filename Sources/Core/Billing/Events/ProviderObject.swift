package import Modules
package import Stripe

/// A kind of object of the provider whose events are applied: what `object` says of it, and how it is fetched.
package struct ProviderObjectKind: Sendable, Hashable {
    /// The object's `object` member, such as `payment_intent`.
    package let name: String
    /// The folder of its path: `/v1/payment_intents`.
    package let folder: String

    package init(_ name: String, in folder: String) {
        self.name = name
        self.folder = folder
    }

    package static let paymentIntent = Self("payment_intent", in: "/v1/payment_intents")
    package static let charge = Self("charge", in: "/v1/charges")
    package static let refund = Self("refund", in: "/v1/refunds")
    package static let customer = Self("customer", in: "/v1/customers")
    package static let subscription = Self("subscription", in: "/v1/subscriptions")
    package static let invoice = Self("invoice", in: "/v1/invoices")
    package static let checkoutSession = Self("checkout.session", in: "/v1/checkout/sessions")
    package static let setupIntent = Self("setup_intent", in: "/v1/setup_intents")
    package static let paymentMethod = Self("payment_method", in: "/v1/payment_methods")
    package static let account = Self("account", in: "/v1/accounts")
    package static let transfer = Self("transfer", in: "/v1/transfers")
    package static let payout = Self("payout", in: "/v1/payouts")
    package static let dispute = Self("dispute", in: "/v1/disputes")
}

/// The present state of an object, as an event's handler gets it.
package struct ProviderObject: Sendable {
    package let kind: ProviderObjectKind
    package let id: String
    /// The connected account that it belongs to; nil for the platform's own.
    package let account: String?
    /// The type of the event, such as `invoice.paid`: a hint of what may have changed. What is true is in ``value``.
    package let eventType: String
    /// The event's own time at the provider.
    package let eventCreatedAt: Instant
    /// The whole object. Fetched after the event; as delivered where it cannot be fetched.
    package let value: JSONValue
    /// Whether the object has been deleted at the provider: ``value`` is its last state.
    package let isDeleted: Bool
}
