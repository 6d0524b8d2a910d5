package import Modules

/// Whose credits a route takes.
package enum CreditPayers: Sendable {
    /// Those of organisations on a trial; a paid subscription covers the work.
    case trials
    /// Those of every organisation.
    case all
}

/// Requires a trial with credits, or a subscription. Nothing is taken yet: the proof is spent in the transaction of the
/// work, which checks the balance again under a lock.
package struct CreditRequirement: Requirement {
    let units: Int64
    let payers: CreditPayers
    let gate: CreditGate
    package var phase: RequestPhase { .entitlement }
    package var problems: [Problem.Kind] { [.subscriptionRequired, .creditsExhausted] }
    package var summary: RequirementSummary { RequirementSummary(.credits, "\(units)") }

    package func check(_ request: Request) async throws(Problem) -> CreditCharge {
        try await gate.charge(units, of: payers, for: request)
    }
}

extension Problem.Kind {
    package static let subscriptionRequired = Self("subscription-required", "Active subscription required", status: 402)
}
