package import Base
package import Outbound

/// Sends requests to Stripe's API with a pinned version. It repeats nothing by itself: a request with an outside effect
/// is repeated by its owner, with the same key and the same fields.
package final class StripeClient: Sendable {
    /// The version of the API whose shapes this client reads and writes.
    package static let apiVersion = "2026-10-28.basil"

    package struct Settings: Sendable {
        /// `https://api.stripe.com`, or the server of tests. No trailing slash.
        package var base: String
        package var secretKey: String
        package var timeout: Duration

        package init(base: String = "https://api.stripe.com", secretKey: String, timeout: Duration = .seconds(20)) {
            self.base = base
            self.secretKey = secretKey
            self.timeout = timeout
        }
    }

    private let settings: Settings
    private let outbound: OutboundClient

    package init(settings: Settings, outbound: OutboundClient) {
        self.settings = settings
        self.outbound = outbound
    }

    /// - Parameter key: the idempotency key, for every request but GET.
    package func send(_ request: StripeRequest, key: String?) async -> StripeOutcome {
        .unknown(reason: "not sent")
    }
}
