import Entitlements
import Identity
import Modules

/// Takes iterations for what a model of the installation does: of the organisation's plan, or of the default allowance.
final class PlannerIterations: Sendable {
    private let database: any Database
    private let quotas: QuotaService
    private let runtime: Runtime

    init(database: any Database, quotas: QuotaService, runtime: Runtime) {
        self.database = database
        self.quotas = quotas
        self.runtime = runtime
    }

    /// Refuses before a model works for nothing; ``take(_:_:in:)`` decides.
    /// - Throws: `iterations-exhausted`.
    func requireLeft(_ allowance: QuotaAllowance, _ scope: Scope) async throws(Problem) {
        guard case .allowance(let limit) = allowance else { return }
        let used = try await database.read { transaction in
            try transaction.iterations(of: scope.organisation, in: CalendarDate(transaction.now).month)
        }
        guard limit.allows(used + 1) else { throw Self.exhausted(limit) }
    }

    /// Takes one.
    /// - Throws: `quota-exceeded`, `iterations-exhausted`.
    func take(_ allowance: QuotaAllowance, _ scope: Scope, in transaction: Transaction) throws {
        switch allowance {
        case .charge(let charge):
            let operation: ID<EventPlan> = runtime.id()
            try quotas.spend(charge, operation: "iteration:\(operation)", in: transaction)
        case .allowance(let limit):
            let month = CalendarDate(transaction.now).month
            guard try transaction.takeIteration(of: scope.organisation, in: month, limit: limit) else {
                throw Self.exhausted(limit)
            }
        }
    }

    private static func exhausted(_ limit: Limit) -> Problem {
        Problem(
            .iterationsExhausted,
            detail: "The plan lists no iterations: there are \(limit.value) a month.",
            members: ["limit": .integer(limit.value)])
    }
}
