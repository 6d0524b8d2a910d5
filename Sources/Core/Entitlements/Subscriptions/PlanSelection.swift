package import Modules

/// A body that names a plan and a cycle. Older clients call them `tier`, `plan_type`, `subscription_tier`,
/// `billing_cycle` and `annual`; all names that a body uses have to agree.
package protocol PlanSelection: Payload {
    var plan: String? { get }
    var tier: String? { get }
    var planType: String? { get }
    /// Nil for a body without this name.
    var subscriptionTier: String? { get }
    var cycle: Cycle? { get }
    var billingCycle: BillingCycle? { get }
    var annual: Bool? { get }
}

extension PlanSelection {
    package var subscriptionTier: String? { nil }

    package static var planRules: [String: Rule] {
        ["plan": .length(1...64), "tier": .length(1...64), "plan_type": .length(1...64)]
    }

    /// The plan that the body names.
    /// - Throws: `validation-failed` where it names none, or two different ones.
    package func selectedPlan() throws(Problem) -> String {
        let named = [("plan", plan), ("tier", tier), ("plan_type", planType), ("subscription_tier", subscriptionTier)]
            .compactMap { name, value in value.map { (name, $0) } }
        guard let (first, plan) = named.first else { throw Problem.invalid("/plan", "is required") }
        if let other = named.first(where: { $0.1 != plan }) {
            throw Problem.invalid("/\(other.0)", "contradicts \(first)")
        }
        return plan
    }

    /// The cycle that the body names; nil without one.
    /// - Throws: `validation-failed` where it names two different ones.
    package func selectedCycle() throws(Problem) -> (name: String, cycle: Cycle)? {
        let named: [(name: String, cycle: Cycle)] = [
            cycle.map { ("cycle", $0) }, billingCycle.map { ("billing_cycle", $0.cycle) },
            annual.map { ("annual", $0 ? .yearly : .monthly) },
        ].compactMap { $0 }
        guard let first = named.first else { return nil }
        if let other = named.first(where: { $0.cycle != first.cycle }) {
            throw Problem.invalid("/\(other.name)", "contradicts \(first.name)")
        }
        return first
    }
}

/// A cycle with the name that clients of workflows have for a yearly one.
package enum BillingCycle: String, Codable, CaseIterable, Sendable {
    case monthly, yearly, annual

    package var cycle: Cycle { self == .monthly ? .monthly : .yearly }
}
