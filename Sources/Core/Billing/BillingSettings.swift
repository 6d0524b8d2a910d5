/// What an installation sets for money.
package struct BillingSettings: Sendable {
    /// Verify the provider's webhooks: several while one is rotated. Empty where there is none.
    package var webhookSecrets: [String]
    /// Given to clients, which confirm payments with it; nil where there is none.
    package var publishableKey: String?
    /// Whether webhooks without a secret are refused, whatever their address.
    package var isProduction: Bool
    /// The address of the pages that the provider's forms lead back to, without a slash at its end.
    package var frontend: String

    package init(
        webhookSecrets: [String] = [], publishableKey: String? = nil, isProduction: Bool = false,
        frontend: String = ""
    ) {
        self.webhookSecrets = webhookSecrets
        self.publishableKey = publishableKey
        self.isProduction = isProduction
        self.frontend = frontend
    }
}
