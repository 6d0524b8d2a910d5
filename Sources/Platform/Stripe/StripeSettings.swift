/// Where Stripe is, and the key of the platform's account. Descriptions and dumps do not contain the key.
package struct StripeSettings: Sendable {
    /// `https://api.stripe.com`, or the server of tests. No trailing slash.
    package var base: String
    /// Not empty.
    package var secretKey: String
    /// Of one request.
    package var timeout: Duration

    package init(base: String = "https://api.stripe.com", secretKey: String, timeout: Duration = .seconds(20)) {
        precondition(!secretKey.isEmpty, "a client of Stripe needs a secret key")
        self.base = base
        self.secretKey = secretKey
        self.timeout = timeout
    }
}

extension StripeSettings: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "Stripe at \(base)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: ["base": base]) }
}
