import Identity
import Modules

/// Answers whether the plan of an organisation allows something, for products that run elsewhere.
final class EntitlementCheckService: Sendable {
    private let database: any Database
    private let plans: PlanCatalog
    private let meters: MeterCatalog

    init(database: any Database, plans: PlanCatalog, meters: MeterCatalog) {
        self.database = database
        self.plans = plans
        self.meters = meters
    }

    /// Whether units of a meter are left, or the plan includes a feature. Nothing is taken.
    /// - Throws: `validation-failed` for neither or both of meter and feature; `unknown-meter`; `not-a-member` for
    ///   another organisation.
    func check(_ question: EntitlementQuestion, scope: Scope) async throws(Problem) -> EntitlementAnswer {
        if let organisation = question.organisationId, organisation != scope.organisation { throw Problem(.notAMember) }
        guard (question.meter == nil) != (question.feature == nil) else {
            throw Problem.invalid("/meter", "or /feature is required, and not both")
        }
        let meter = try question.meter.map { name throws(Problem) in try meters.require(name) }
        let snapshot = try await database.read { [plans] in try plans.snapshot(of: scope.organisation, in: $0) }
        guard let snapshot else {
            return EntitlementAnswer(question, snapshot: nil, level: nil, refusal: Problem(.noActiveSubscription))
        }
        guard let meter else {
            return EntitlementAnswer(
                question, snapshot: snapshot, level: nil,
                refusal: snapshot.refusal(of: feature(named: question.feature ?? "")))
        }
        let charge = Charge(meter: meter, units: question.units ?? 1, snapshot: snapshot)
        let level = snapshot.level(of: meter)
        let refusal = charge.limit.allows(level.used + level.held + charge.units) ? nil : charge.refusal(level)
        return EntitlementAnswer(question, snapshot: snapshot, level: (charge.limit, level), refusal: refusal)
    }

    /// An unknown feature is refused like one that the plan does not include.
    private func feature(named name: String) -> Feature {
        plans.current.features.first { $0.name == name }
            ?? Feature(name, title: name.prefix(1).uppercased() + name.dropFirst().replacing("_", with: " "))
    }
}
