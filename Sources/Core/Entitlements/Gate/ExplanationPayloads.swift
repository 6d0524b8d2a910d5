import HTTPTypes
import Identity
import Modules
import Rates

struct Explanation: Payload {
    /// The endpoint as it is documented.
    var route: String
    var summary: String
    /// Whether the gate would admit the caller now. Path, query and body are validated after the gate.
    var allowed: Bool
    /// The first refusal.
    var refusal: ExplainedProblem?
    /// The caller's role, which the endpoint's requirements are compared with.
    var role: Role
    /// In the order of the gate.
    var requirements: [ExplainedRequirement]

    init(_ route: Route, _ requirements: [ExplainedRequirement], for scope: Scope) {
        role = scope.role
        self.route = "\(route.method.rawValue) \(route.path)"
        summary = route.summary
        refusal = requirements.lazy.compactMap(\.problem).first
        allowed = refusal == nil
        self.requirements = requirements
    }
}

struct ExplainedRequirement: Payload {
    /// As `gatehouse routes` prints it, such as `quota:processing`.
    var requirement: String
    /// For an optional right: whether the caller has it.
    var met: Bool
    /// Whether a caller who does not meet it is refused.
    var required: Bool
    var problem: ExplainedProblem?
    /// The state of the rate limits, where the requirement is a rate. The explanation takes no units, besides those of
    /// its own request.
    var rates: [ExplainedRate]?

    init(_ check: RouteStep, _ verdict: RouteStep.Verdict, rates: [RateLimitStatus]) {
        requirement = check.summary.tag
        met = verdict.isMet
        required = check.summary.isRequired
        problem = verdict.refusal.map { ExplainedProblem($0) }
        self.rates = rates.isEmpty ? nil : rates.map { ExplainedRate($0) }
    }
}

struct ExplainedRate: Payload {
    /// As in the header fields of the endpoint's responses.
    var name: String
    var limit: Int64
    var windowSeconds: Int64
    /// Units that are left now.
    var remaining: Int64
    /// Seconds until all units are available again.
    var resetSeconds: Int64

    init(_ status: RateLimitStatus) {
        name = status.name
        limit = status.limit
        windowSeconds = status.windowSeconds
        remaining = status.remaining
        resetSeconds = status.secondsUntilReset
    }
}

/// A problem as data.
struct ExplainedProblem: Payload {
    var code: String
    var title: String
    var status: Int
    var detail: String?
    /// Further members of the problem, such as the limit.
    var members: [String: JSONValue]

    init(_ problem: Problem) {
        code = problem.kind.code
        title = problem.title
        status = problem.kind.status
        detail = problem.detail
        members = problem.members
    }
}
