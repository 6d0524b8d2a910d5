import Base
package import Stripe

/// A delivery of an event.
package struct TestStripeWebhook: Sendable {
    package let event: StripeEvent
    package let body: [UInt8]
    /// The value of `Stripe-Signature`.
    package let signature: String
}

/// How webhooks reach their receiver.
package struct TestStripeDelivery: Sendable {
    /// Each event is delivered so many times at most.
    package var copiesMax = 1
    package var isShuffled = false
    /// In thousandths: events that are never delivered, as after three days without an answer.
    package var dropped: UInt64 = 0
    /// In thousandths: deliveries that the next call makes.
    package var delayed: UInt64 = 0
    package var seed: UInt64 = 1

    /// Each event once, in order.
    package init() {}
}
