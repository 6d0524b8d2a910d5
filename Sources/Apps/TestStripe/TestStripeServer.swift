/// A server with the part of Stripe's API that Gatehouse uses, for tests, proofs and the tour.
package final class TestStripeServer: Sendable {
    package init() {}
}
