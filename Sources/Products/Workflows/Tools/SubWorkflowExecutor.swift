import GoalGraphs
import Modules

/// Runs a sentence as a workflow within the present one. It takes no credit and no unit of the quota of its own, and
/// has what is left of the budget.
final class SubWorkflowExecutor: ToolExecutor {
    let tool = Tool.subWorkflow

    /// The steps of the workflow within reserve what they may cost.
    func costMax(of node: GoalNode, outputs _: () throws -> [String: NodeOutput]) -> MicroDollars {
        node.arguments["intent"]?.string == nil ? tool.usualCost : .zero
    }

    func run(_ run: StepRun) async throws -> ToolResult {
        .workflow(intent: String(try run.writtenText("intent").prefix(SubmitIntent.intentMax)))
    }
}
