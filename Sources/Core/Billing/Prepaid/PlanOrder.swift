import Entitlements
import Identity
import Modules

/// What an organisation pays for by a payment intent: one period of a plan. An organisation has one order, whose id is
/// the subject of its payments; it changes only while none of them is live.
struct PlanOrder: Sendable {
    let id: ID<PlanOrder>
    let plan: PrepaidPlan
    /// What is to be paid: the price with taxes that are added to it.
    let amount: Money
}

extension PlanOrder {
    init(row: Row) throws {
        let currency = try Currency(stored: try row["currency"])
        id = try row["id"]
        plan = PrepaidPlan(
            organisation: try row["organisation_id"], plan: try row["plan_id"], cycle: try row["cycle"],
            description: try row["description"], price: Money(try row["price"], currency), region: try row["region"])
        amount = Money(try row["amount"], currency)
    }
}
