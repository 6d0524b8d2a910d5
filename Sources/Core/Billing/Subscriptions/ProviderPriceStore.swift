import Entitlements
import Modules

/// All SQL about prices at the provider.
extension Transaction {
    /// The row of a price; inserted where there is none.
    func providerPrice(of plan: Plan.ID, _ price: Price, amount: Money, id: ID<ProviderPrice>) throws -> ProviderPrice {
        let region = price.region ?? ""
        try execute(
            """
            INSERT INTO provider_prices (id, plan_id, cycle, currency, region, amount, created_at)
            VALUES (
                \(id), \(plan), \(price.cycle), \(amount.currency.code), \(region), \(amount.minorUnits), \(now)
            )
            ON CONFLICT DO NOTHING
            """
        )
        let stored = try first(
            """
            SELECT * FROM provider_prices
            WHERE plan_id = \(plan) AND cycle = \(price.cycle) AND currency = \(amount.currency.code)
                AND region = \(region) AND amount = \(amount.minorUnits)
            """,
            ProviderPrice.init)
        guard let stored else { preconditionFailure("a price was inserted") }
        return stored
    }

    func providerPrice(_ id: ID<ProviderPrice>) throws -> ProviderPrice? {
        try first("SELECT * FROM provider_prices WHERE id = \(id)", ProviderPrice.init)
    }

    func providerPrice(ofProviderID id: String) throws -> ProviderPrice? {
        try first("SELECT * FROM provider_prices WHERE provider_id = \(id)", ProviderPrice.init)
    }

    /// The prices of a plan that were read at the provider, of those that the installation names, in its order.
    func providerPrices(of plan: Plan.ID, named ids: [String]) throws -> [Price] {
        let rows = try all(
            "SELECT * FROM provider_prices WHERE plan_id = \(plan) AND provider_id IN \(list: ids)",
            ProviderPrice.init)
        return ids.compactMap { id in
            rows.first { $0.providerID == id }.map {
                Price(cycle: $0.cycle, amount: $0.amount, region: $0.region, providerID: id)
            }
        }
    }

    /// Names a price at the provider in place of another one with the same amount.
    /// - Returns: false where it is the price of another plan.
    func nameProviderPrice(_ price: ID<ProviderPrice>, as providerID: String) throws -> Bool {
        try execute(
            """
            UPDATE provider_prices SET provider_id = \(providerID)
            WHERE id = \(price) AND NOT EXISTS (
                SELECT 1 FROM provider_prices AS other
                WHERE other.provider_id = \(providerID) AND other.id <> provider_prices.id)
            """
        ) == 1
    }

    /// - Returns: false where it has one.
    @discardableResult
    func setProviderID(_ providerID: String, of price: ID<ProviderPrice>) throws -> Bool {
        try execute(
            "UPDATE provider_prices SET provider_id = \(providerID) WHERE id = \(price) AND provider_id IS NULL") == 1
    }
}
