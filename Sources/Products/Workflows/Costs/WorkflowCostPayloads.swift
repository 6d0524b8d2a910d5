import GoalGraphs
import Modules

/// The costs of workflows over some days. Amounts without `_micros` are in US dollars.
struct WorkflowCostsView: Payload {
    /// The first day and the last one, such as `2026-03-01`, in UTC.
    let from: String
    let to: String
    let currency: String
    /// Attempts at steps that have ended.
    let attempts: Int64
    let cost: DecimalNumber
    /// In millionths of a US dollar.
    let costMicros: Int64
    /// What the attempts were estimated at.
    let estimatedCost: DecimalNumber
    /// The days with costs, the oldest first.
    let byDay: [WorkflowDayCosts]
    /// The users with the highest costs.
    let byUser: [WorkflowUserCosts]
    /// The plans under which the workflows were submitted.
    let byPlan: [WorkflowPlanCosts]

    init(
        days: ClosedRange<Int64>, _ total: WorkflowCosts, byDay: [WorkflowDayCosts], byUser: [WorkflowUserCosts],
        byPlan: [WorkflowPlanCosts]
    ) {
        from = CivilDate(dayNumber: days.lowerBound).description
        to = CivilDate(dayNumber: days.upperBound).description
        currency = "usd"
        attempts = total.attempts
        cost = total.cost.dollars
        costMicros = total.cost.micros
        estimatedCost = total.estimated.dollars
        self.byDay = byDay
        self.byUser = byUser
        self.byPlan = byPlan
    }
}

struct WorkflowDayCosts: Payload {
    let day: String
    let attempts: Int64
    let cost: DecimalNumber
    let costMicros: Int64
    let estimatedCost: DecimalNumber

    /// - Parameter day: the number of days since 1970.
    init(day: String, _ costs: WorkflowCosts) {
        self.day = CivilDate(dayNumber: Int64(day) ?? 0).description
        attempts = costs.attempts
        cost = costs.cost.dollars
        costMicros = costs.cost.micros
        estimatedCost = costs.estimated.dollars
    }
}

struct WorkflowUserCosts: Payload {
    /// Of an account that was erased, its pseudonym.
    let userId: String
    let attempts: Int64
    let cost: DecimalNumber
    let costMicros: Int64
    let estimatedCost: DecimalNumber

    init(user: String, _ costs: WorkflowCosts) {
        userId = user
        attempts = costs.attempts
        cost = costs.cost.dollars
        costMicros = costs.cost.micros
        estimatedCost = costs.estimated.dollars
    }
}

struct WorkflowPlanCosts: Payload {
    let plan: String
    let attempts: Int64
    let cost: DecimalNumber
    let costMicros: Int64
    let estimatedCost: DecimalNumber

    init(plan: String, _ costs: WorkflowCosts) {
        self.plan = plan
        attempts = costs.attempts
        cost = costs.cost.dollars
        costMicros = costs.cost.micros
        estimatedCost = costs.estimated.dollars
    }
}
