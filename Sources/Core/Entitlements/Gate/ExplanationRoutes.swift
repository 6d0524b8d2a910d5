import HTTPTypes
import Identity
import Modules
import Rates

/// The endpoint that reports which requirements of a route the caller meets now. It takes no units and records no
/// refusals.
struct ExplanationRoutes {
    let member: Member

    /// `routes`, with the endpoint that explains any of them and itself.
    /// - Parameter middleware: adds the middleware that every route of this kind has.
    func added(to routes: [Route], middleware: (Route) -> Route) -> [Route] {
        // The route table that is searched contains the endpoint itself, but a copy that cannot explain itself.
        let own = middleware(route(explaining: routes))
        return routes + [middleware(route(explaining: routes + [own]))]
    }

    private func route(explaining routes: [Route]) -> Route {
        // Made at the first explanation, so that it does not delay the start.
        let table = OnDemand { RouteTable(routes) }
        return .get(
            "entitlements/explain",
            "What the gate of an endpoint would answer now: GET …?route=POST /v1/…",
            requires: member.allowing(.entitlementsCheck), ExplainedEndpoint(),
            problems: [.notFound]
        ) { scope, endpoint in
            guard case .found(let route, let parameters) = try table.value.match(endpoint.method, endpoint.path) else {
                throw Problem(
                    .notFound, detail: "There is no endpoint \(endpoint.method) \(endpoint.path.prefix(200)).")
            }
            let request = endpoint.request.dryRun(of: route, at: endpoint.path, parameters: parameters)
            var requirements: [ExplainedRequirement] = []
            for check in route.steps where check.phase < .body {
                let known = request.rateLimitStatuses.count
                let verdict = await check.verdict(request)
                let rates = request.rateLimitStatuses.dropFirst(known)
                // Rates of requests without a credential do not apply to this one.
                if check.summary.kind == .rate, rates.isEmpty, verdict.isMet { continue }
                requirements.append(ExplainedRequirement(check, verdict, rates: Array(rates)))
            }
            return Explanation(route, requirements, for: scope)
        }
    }
}

/// An endpoint in the query, such as `POST /v1/training/train-models/x`, with the request that asks about it.
private struct ExplainedEndpoint: Requirement {
    struct Query: Sendable {
        let method: HTTPRequest.Method
        let path: String
        let request: Request
    }

    /// Characters. Percent-encoded, this many fit into the request target.
    private static let lengthMax = 400

    var phase: RequestPhase { .body }
    var problems: [Problem.Kind] { [.validationFailed] }
    var summary: RequirementSummary {
        RequirementSummary(.query, "route", schema: .string(minLength: 1, maxLength: Self.lengthMax))
    }

    func check(_ request: Request) throws(Problem) -> Query {
        let text = request.query["route"] ?? ""
        let words = text.split(separator: " ")
        guard text.unicodeScalars.count <= Self.lengthMax, words.count == 2, words[1].hasPrefix("/"),
            let method = HTTPRequest.Method(words[0].uppercased())
        else {
            throw Problem.invalid("/query/route", "must be a method and a path, such as POST /v1/usage/events")
        }
        return Query(
            method: method, path: RouteTable.canonicalPath(of: String(words[1].prefix { $0 != "?" })),
            request: request)
    }
}
