import GoalGraphs
import Modules

/// Runs a sentence as a workflow within the present one. It takes no credit and no unit of the quota of its own, and
/// has what is left of the budget.
final class SubWorkflowExecutor: ToolExecutor {
    let tool = Tool.subWorkflow

    func run(_ run: StepRun) async throws -> ToolResult {
        .workflow(intent: String(try run.writtenText("intent").prefix(SubmitIntent.intentMax)))
    }
}
