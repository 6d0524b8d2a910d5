import Entitlements
import Identity
import Modules

/// The endpoints of the planner and of shared plans.
struct PlannerRoutes: Sendable {
    let planner: PlannerService
    let member: Member
    let verified: VerifiedRequirement
    let entitlements: EntitlementsModule

    var routes: [Route] {
        [
            .post(
                "planner/message", "Tell the planner about an event", requires: member, verified,
                entitlements.allowance(.iterations), problems: [.iterationsExhausted, .modelUnavailable, .tooMany]
            ) { [planner] (body: PlannerMessageRequest, scope, _, allowance) in
                try await planner.message(body, scope: scope, allowance: allowance)
            },
            .post(
                "planner/generate", "Make a plan, which takes one iteration", requires: member, verified,
                entitlements.allowance(.iterations), problems: [.iterationsExhausted, .tooMany]
            ) { [planner] (body: PlanRequest, scope, _, allowance) in
                try await planner.generate(body, scope: scope, allowance: allowance)
            },
            .get(
                "planner/sessions", "List the sessions with the planner, the last changed first", requires: member,
                .query("limit", 1...100, default: 50), .query("offset", 0...1_000_000, default: 0)
            ) { [planner] scope, limit, offset in
                try await planner.sessions(scope: scope, limit: limit, offset: offset)
            },
            .post(
                "planner/sessions/{id}/approve-layout", "Approve the layout of a session's plan", requires: member,
                .path("id"), problems: [.notFound, .conflict]
            ) { [planner] scope, name in try await planner.approveLayout(name, scope: scope) },
            .post(
                "plans/share", "Make a link to a plan", requires: member, problems: [.notFound, .tooMany]
            ) { [planner] (body: PlanShareRequest, scope) in
                try await planner.share(body, scope: scope)
            }.alias("/api/plans/share"),
            .get("plans/shared/{token}", "Read a shared plan", requires: .public, .path("token")) {
                [planner] _, token in
                try await planner.sharedPlan(token)
            }.alias("/api/plans/shared/{token}"),
        ]
    }
}

extension Meter {
    /// Plans that the planner makes.
    static let iterations = Meter("iterations", title: "Iteration")
}
