package import Modules

/// Requires that the plan allows one more active row. Nothing is taken yet: the proof is spent in the transaction that
/// inserts the row.
package struct ConcurrencyRequirement: Requirement {
    let concurrency: Concurrency
    let needsSubscription: Bool
    let service: ConcurrencyService
    package var phase: RequestPhase { .entitlement }
    package var problems: [Problem.Kind] {
        needsSubscription ? [.noActiveSubscription, .concurrencyLimit] : [.concurrencyLimit]
    }
    package var summary: RequirementSummary { RequirementSummary(.concurrency, concurrency.name) }

    package func check(_ request: Request) async throws(Problem) -> ConcurrencySlot {
        try await service.slot(of: concurrency, needsSubscription: needsSubscription, for: request)
    }
}
