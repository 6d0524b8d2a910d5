import HTTPTypes
import Identity
package import Modules

extension EntitlementsModule {
    /// The door that tells what the gate of another one would say to whoever asks. Nothing is taken, and nobody is turned away.
    /// - Parameter routes: those that it can tell of.
    package func explanation(of routes: [Route]) -> Route {
        let table = RouteTable(routes)
        return .get(
            "entitlements/explain",
            "What the gate of a door would say now: GET …?route=POST /v1/…",
            requires: identity.member.allowing(.entitlementsCheck), ExplainedDoor(),
            problems: [.notFound]
        ) { _, door in
            guard case .found(let route, let parameters) = try table.match(door.method, door.path) else {
                throw Problem(.notFound, detail: "There is no door \(door.method) \(door.path.prefix(200)).")
            }
            let call = door.call.rehearsal(of: route, at: door.path, parameters: parameters)
            var requirements: [ExplainedRequirement] = []
            // Whoever asks whether a rate has room takes of it: what is left of them stands in the header fields of this answer.
            // A right need not be held, and refuses nobody.
            for check in route.checks where check.stage < .input && ![.rate, .right].contains(check.summary.kind) {
                requirements.append(ExplainedRequirement(check, await check.refusal(call)))
            }
            return Explanation(route, requirements)
        }
    }
}

/// A door in the query, such as `POST /v1/training/train-models/x`, with the call that asks about it.
private struct ExplainedDoor: Requirement {
    struct Question: Sendable {
        let method: HTTPRequest.Method
        let path: String
        let call: Call
    }

    /// In characters: written with their percents, even these fit into an address.
    private static let lengthMax = 400

    var stage: GateStage { .input }
    var problems: [Problem.Kind] { [.validationFailed] }
    var summary: GateSummary { GateSummary(.query, "route", schema: .string(minLength: 1, maxLength: Self.lengthMax)) }

    func check(_ call: Call) throws(Problem) -> Question {
        let text = call.query["route"] ?? ""
        let words = text.split(separator: " ")
        guard text.unicodeScalars.count <= Self.lengthMax, words.count == 2, words[1].hasPrefix("/"), let method = HTTPRequest.Method(words[0].uppercased())
        else {
            throw Problem.invalid("/query/route", "must be a method and a path, such as POST /v1/usage/events")
        }
        return Question(method: method, path: RouteTable.canonicalPath(of: String(words[1].prefix { $0 != "?" })), call: call)
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
    /// In the order of the gate.
    var requirements: [ExplainedRequirement]

    init(_ route: Route, _ requirements: [ExplainedRequirement]) {
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
    var met: Bool
    var problem: ExplainedProblem?

    init(_ check: GateCheck, _ problem: Problem?) {
        requirement = check.summary.text
        met = problem == nil
        self.problem = problem.map { ExplainedProblem($0) }
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
