import Entitlements
import Modules

/// A price of a plan as the provider knows it. An amount never changes there: a plan with another amount gets another
/// price, which takes the lookup key.
package struct ProviderPrice: Sendable, Hashable {
    let id: ID<ProviderPrice>
    let plan: Plan.ID
    let cycle: Cycle
    /// An ISO 3166 code; nil for the price of all other countries.
    let region: String?
    /// What is paid for one cycle, with all taxes.
    let amount: Money
    /// `price_…`; nil until the provider has made it.
    var providerID: String?

    /// By which the price is found at the provider: `gatehouse:<plan>:<cycle>:<currency>[:<region>]`.
    var lookupKey: String {
        (["gatehouse", plan.text, cycle.rawValue, amount.currency.code] + (region.map { [$0] } ?? []))
            .joined(separator: ":")
    }

    /// The id of the plan's product at the provider.
    static func product(of plan: Plan.ID) -> String { "gatehouse_\(plan.text)" }
}

extension ProviderPrice {
    init(row: Row) throws {
        guard let currency = Currency(try row["currency"]) else {
            preconditionFailure("a stored price has a currency")
        }
        id = try row["id"]
        plan = try row["plan_id"]
        cycle = try row["cycle"]
        let region: String = try row["region"]
        self.region = region.isEmpty ? nil : region
        amount = Money(try row["amount"], currency)
        providerID = try row["provider_id"]
    }
}
