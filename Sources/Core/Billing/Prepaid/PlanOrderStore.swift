import Identity
import Modules

/// The SQL of orders.
extension Transaction {
    /// The organisation's order, which is locked until the transaction ends.
    /// - Parameter order: is inserted where there is none.
    func lockPlanOrder(_ order: PlanOrder) throws -> PlanOrder {
        let plan = order.plan
        let stored = try first(
            """
            INSERT INTO plan_orders (
                id, organisation_id, plan_id, cycle, description, currency, price, amount, region, updated_at
            )
            VALUES (
                \(order.id), \(plan.organisation), \(plan.plan), \(plan.cycle), \(plan.description),
                \(order.amount.currency.code), \(plan.price.minorUnits), \(order.amount.minorUnits), \(plan.region),
                \(now)
            )
            ON CONFLICT (organisation_id) DO UPDATE SET updated_at = plan_orders.updated_at RETURNING *
            """,
            PlanOrder.init(row:))
        guard let stored else { preconditionFailure("an upsert returns its row") }
        return stored
    }

    /// Replaces what the order of an organisation is for.
    func updatePlanOrder(_ id: ID<PlanOrder>, to order: PlanOrder) throws {
        let plan = order.plan
        try execute(
            """
            UPDATE plan_orders
            SET plan_id = \(plan.plan), cycle = \(plan.cycle), description = \(plan.description),
                currency = \(order.amount.currency.code), price = \(plan.price.minorUnits),
                amount = \(order.amount.minorUnits), region = \(plan.region), updated_at = \(now)
            WHERE id = \(id)
            """
        )
    }

    /// - Returns: nil after the erasure of its organisation.
    func planOrder(_ id: ID<PlanOrder>) throws -> PlanOrder? {
        try first("SELECT * FROM plan_orders WHERE id = \(id)", PlanOrder.init(row:))
    }
}
