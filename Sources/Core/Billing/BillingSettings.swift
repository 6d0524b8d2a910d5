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
    /// The page where customers manage their plan.
    var accountPage: String { "\(frontend)/account" }
    /// The seller on invoices.
    package var seller: InvoiceParty
    /// The base URL of this service in the links of e-mails, without a slash at its end.
    package var address: String
    /// Nil where the installation has no UPI account.
    package var upi: UPISettings?
    /// The ids of the prices at the provider (`price_…`) of plans without prices in the catalogue, by the plan's id.
    package var prices: [String: [String]]

    package init(
        webhookSecrets: [String] = [], publishableKey: String? = nil, isProduction: Bool = false,
        frontend: String = "", seller: InvoiceParty = InvoiceParty(name: "Gatehouse"),
        address: String = "http://localhost:8080", upi: UPISettings? = nil,
        prices: [String: [String]] = [:]
    ) {
        self.webhookSecrets = webhookSecrets
        self.publishableKey = publishableKey
        self.isProduction = isProduction
        self.frontend = frontend
        self.seller = seller
        self.upi = upi
        self.prices = prices
        self.address = address.hasSuffix("/") ? String(address.dropLast()) : address
    }
}
