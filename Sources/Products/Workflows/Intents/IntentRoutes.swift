import Entitlements
import GoalGraphs
import HTTPTypes
import Identity
import Modules

/// The endpoints that begin workflows.
struct IntentRoutes: Sendable {
    let intents: IntentService
    let member: Member
    let entitlements: EntitlementsModule

    var routes: [Route] {
        let rate = entitlements.rate(.intents)
        return [
            .post(
                "intents", "Submit an intent, which is planned and run as a workflow",
                requires: member.allowing(.workflows), entitlements.credits(1), entitlements.quota(.workflows),
                .header(.idempotencyKey), problems: [.operationConflict, .notFound]
            ) { [intents] (request: SubmitIntent, scope, credit, charge, key) in
                try await intents.submit(request, scope: scope, credit: credit, charge: charge, key: key)
            }.guarded(by: rate).asTool("submit_intent"),
            .post(
                "workflows/{workflow_id}/retry",
                "Submit the intent of a workflow that has failed or was cancelled again",
                requires: member.allowing(.workflows), entitlements.credits(1), entitlements.quota(.workflows),
                .path("workflow_id", of: Workflow.self), .header(.idempotencyKey),
                problems: [
                    .workflowNotFound, .workflowAccessDenied, .workflowStateConflict, .operationConflict, .notFound,
                ]
            ) { [intents] scope, credit, charge, id, key in
                try await intents.retry(id, scope: scope, credit: credit, charge: charge, key: key)
            }.guarded(by: rate),
        ]
    }
}

extension RateClass {
    static let intents = RateClass("intents")
}

extension Meter {
    /// Submitted workflows. Its title is that of the built-in plans.
    static let workflows = Meter("workflows", title: "Workflow")
}

extension Feature {
    /// Graphs that run commands. The operator has to switch commands on as well.
    static let commands = Feature("commands", title: "Commands")
}

extension Plan {
    /// How far a client's own graph is trusted with tools. What planners make of a sentence is `standard`.
    var trust: TrustLevel { includes(.commands) ? .elevated : .standard }
}

extension GoalGraphLimits {
    func trusting(_ trust: TrustLevel) -> GoalGraphLimits {
        var limits = self
        limits.trust = trust
        return limits
    }
}
