import GoalGraphs
import Modules

/// Writes a file of the workflow's folder, in the transaction that ends the step.
final class WriteFileExecutor: ToolExecutor {
    let tool = Tool.writeFile
    private let files: WorkflowFileService

    init(files: WorkflowFileService) { self.files = files }

    func run(_ run: StepRun) async throws -> ToolResult {
        let path = try WorkflowPath(try run.requiredText("path"))
        let text = try run.requiredText("text")
        return .output(
            NodeOutput(text: text), effect: try await files.write(text, to: path, of: run.workflow))
    }
}
