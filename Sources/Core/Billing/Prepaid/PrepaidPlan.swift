import Entitlements
import Identity
import Modules

/// A plan that an organisation pays for in advance, one period at a time.
struct PrepaidPlan: Sendable, Hashable {
    let organisation: ID<Organisation>
    let plan: Plan.ID
    let cycle: Cycle
    /// As payments and invoices show it, such as `Student, monthly`.
    let description: String
    /// The price of a period without taxes that are added to it.
    let price: Money
    /// The country whose price and taxes apply; nil for those of all other countries.
    let region: String?
}
