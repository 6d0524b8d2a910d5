import HTTPTypes
import Identity
package import Modules
import Rates

extension EntitlementsModule {
    /// `routes`, and the door that tells what the gate of any of them, or its own, would say to whoever asks. Nothing is taken, and nobody is
    /// turned away.
    /// - Parameter guarded: sets the guards before it that stand before every door of its kind.
    package func explaining(_ routes: [Route], guarded: (Route) -> Route) -> [Route] {
        // The one that can be asked about is the one that is asked, but for knowing of itself.
        let own = guarded(explanation(of: RouteTable(routes)))
        return routes + [guarded(explanation(of: RouteTable(routes + [own])))]
    }

    private func explanation(of table: RouteTable) -> Route {
        .get(
            "entitlements/explain",
            "What the gate of a door would say now: GET …?route=POST /v1/…",
            requires: identity.member.allowing(.entitlementsCheck), ExplainedEndpoint(),
            problems: [.notFound]
        ) { scope, door in
            guard case .found(let route, let parameters) = try table.match(door.method, door.path) else {
                throw Problem(.notFound, detail: "There is no door \(door.method) \(door.path.prefix(200)).")
            }
            let call = door.call.dryRun(of: route, at: door.path, parameters: parameters)
            var requirements: [ExplainedRequirement] = []
            for check in route.steps where check.phase < .body {
                let known = call.rateLimitStatuses.count
                let verdict = await check.verdict(call)
                let rates = call.rateLimitStatuses.dropFirst(known)
                // Such as the rates of calls without a credential: this one has no part in them.
                if check.summary.kind == .rate, rates.isEmpty, verdict.isMet { continue }
                requirements.append(ExplainedRequirement(check, verdict, rates: Array(rates)))
            }
            return Explanation(route, requirements, for: scope)
        }
    }
}

/// A door in the query, such as `POST /v1/training/train-models/x`, with the call that asks about it.
private struct ExplainedEndpoint: Requirement {
    struct Question: Sendable {
        let method: HTTPRequest.Method
        let path: String
        let call: Request
    }

    /// In characters: written with their percents, even these fit into an address.
    private static let lengthMax = 400

    var phase: RequestPhase { .body }
    var problems: [Problem.Kind] { [.validationFailed] }
    var summary: RequirementSummary { RequirementSummary(.query, "route", schema: .string(minLength: 1, maxLength: Self.lengthMax)) }

    func check(_ call: Request) throws(Problem) -> Question {
        let text = call.query["route"] ?? ""
        let words = text.split(separator: " ")
        guard text.unicodeScalars.count <= Self.lengthMax, words.count == 2, words[1].hasPrefix("/"),
            let method = HTTPRequest.Method(words[0].uppercased())
        else {
            throw Problem.invalid("/query/route", "must be a method and a path, such as POST /v1/usage/events")
        }
        return Question(
            method: method, path: RouteTable.canonicalPath(of: String(words[1].prefix { $0 != "?" })), call: call)
    }
}

struct Explanation: Payload {
    /// The door as it is documented.
    var route: String
    var summary: String
    /// Whether the gate would let this caller in now. What a path, a query or a body has to say is looked at behind it.
    var allowed: Bool
    /// What the caller would be told: the first refusal.
    var refusal: ExplainedProblem?
    /// The caller's, which is held against what the door asks for.
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
    /// As `gatehouse routes` has it, such as `quota:processing`.
    var requirement: String
    /// Of a right, which a caller may have and need not: whether this one has it.
    var met: Bool
    /// Whether it turns away who does not meet it.
    var required: Bool
    var problem: ExplainedProblem?
    /// Where it is a rate, how it stands. Asking takes nothing of it, beside what this very call took.
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
    /// As in the header fields of the door's answers.
    var name: String
    var limit: Int64
    var windowSeconds: Int64
    /// Units that are left now.
    var remaining: Int64
    /// How long until all of them are there again.
    var resetSeconds: Int64

    init(_ standing: RateLimitStatus) {
        name = standing.name
        limit = standing.limit
        windowSeconds = standing.windowSeconds
        remaining = standing.remaining
        resetSeconds = standing.secondsUntilReset
    }
}

/// A problem as data.
struct ExplainedProblem: Payload {
    var code: String
    var title: String
    var status: Int
    var detail: String?
    /// Its further members, such as the limit.
    var members: [String: JSONValue]

    init(_ problem: Problem) {
        code = problem.kind.code
        title = problem.title
        status = problem.kind.status
        detail = problem.detail
        members = problem.members
    }
}
