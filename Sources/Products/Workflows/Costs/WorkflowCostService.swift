import Identity
import Modules

/// Reads what workflows have cost, from rows that each step keeps when it ends.
final class WorkflowCostService: Sendable {
    private let database: any Database

    init(database: any Database) { self.database = database }

    /// The costs of the organisation for those who manage it, and otherwise a person's own.
    /// - Parameter days: up to today.
    func costs(days: Int, scope: Scope) async throws(Problem) -> WorkflowCostsView {
        try await database.read { transaction in
            try Self.view(
                WorkflowCostQuery(
                    organisation: scope.organisation, person: transaction.manages(scope) ? nil : scope.person,
                    days: Self.days(days, until: transaction.now)),
                in: transaction)
        }
    }

    /// The costs of all organisations and people, for administrators.
    /// - Parameters:
    ///   - person: nil for all of them.
    ///   - organisation: nil for all of them.
    func costs(days: Int, of person: ID<Person>?, in organisation: ID<Organisation>?) async throws(Problem)
        -> WorkflowCostsView
    {
        try await database.read { transaction in
            try Self.view(
                WorkflowCostQuery(
                    organisation: organisation, person: person, days: Self.days(days, until: transaction.now)),
                in: transaction)
        }
    }

    private static func days(_ count: Int, until now: Instant) -> ClosedRange<Int64> {
        let today = WorkflowCostQuery.day(of: now)
        return (today - Int64(count) + 1)...today
    }

    private static func view(_ query: WorkflowCostQuery, in transaction: Transaction) throws -> WorkflowCostsView {
        let days = try transaction.costs(query, by: .day)
        return WorkflowCostsView(
            days: query.days, days.reduce(.zero) { $0 + $1.costs },
            byDay: days.map { WorkflowDayCosts(day: $0.name, $0.costs) },
            byUser: try transaction.costs(query, by: .person).map { WorkflowUserCosts(user: $0.name, $0.costs) },
            byPlan: try transaction.costs(query, by: .plan).map { WorkflowPlanCosts(plan: $0.name, $0.costs) })
    }
}
