import GoalGraphs
import Modules

/// Plans by the documented forms of sentences, without a language model.
struct RuleWorkflowPlanner: WorkflowPlanner {
    let kind = PlannerKind.rules

    func costMax(of _: PlanRequest) -> MicroDollars { .zero }

    func plan(_ request: PlanRequest, for _: Workflow) async throws -> WorkflowPlan {
        WorkflowPlan(graph: try graph(of: request))
    }

    /// - Throws: ``PlanningFailure`` with every part of the sentence that was not understood.
    func graph(of request: PlanRequest) throws -> GoalGraph {
        do throws(PlanRefusal) {
            return try RulePlanner(timeZone: request.timeZone).plan(request.intent)
        } catch {
            let examples = error.parts.flatMap(\.examples).prefix(3).map { "“\($0)”" }.joined(separator: ", ")
            throw PlanningFailure(
                .notUnderstood,
                error.description + (examples.isEmpty ? "" : " Forms that are understood: \(examples)."))
        }
    }
}
