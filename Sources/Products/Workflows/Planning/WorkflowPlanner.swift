import Foundation
import GoalGraphs
import Modules

/// Makes the graph of an intent.
protocol WorkflowPlanner: Sendable {
    var kind: PlannerKind { get }
    /// - Throws: ``PlanningFailure``; other errors are those of the service, and the job is run again.
    func plan(_ request: PlanRequest) async throws -> GoalGraph
}

/// An intent to plan.
struct PlanRequest: Sendable {
    let intent: String
    /// What the client has sent beside it.
    let context: [String: JSONValue]
    let limits: GoalGraphLimits

    /// - Parameter context: as JSON.
    init(intent: String, context: String, budget: MicroDollars) {
        self.intent = intent
        // Any JSON of the client, on which a decoder takes many times as long as the parser.
        self.context = (try? JSONValue(parsing: context.utf8))?.object ?? [:]
        limits = GoalGraphLimits(budget: budget, secondsMax: Workflow.timeMax.inSeconds, trust: .standard)
    }

    /// The zone of the times in the intent: the member `time_zone` of the context, or else UTC.
    var timeZone: String {
        guard let name = context["time_zone"]?.string, TimeZone(identifier: name) != nil else { return "UTC" }
        return name
    }
}

/// Why there is no plan.
enum PlanningFailure: Error, Sendable {
    /// The planner does not understand the intent; another one may.
    case notUnderstood(String)
    /// What it has planned is not valid.
    case refused(String)
    /// It cannot be reached.
    case unavailable(String)
}
