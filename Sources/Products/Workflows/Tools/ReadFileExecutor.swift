import GoalGraphs
import Modules

/// Reads a file of the workflow's folder.
final class ReadFileExecutor: ToolExecutor {
    let tool = Tool.readFile
    private let files: WorkflowFileService

    init(files: WorkflowFileService) { self.files = files }

    func run(_ run: StepRun) async throws -> ToolResult {
        let path = try WorkflowPath(try run.requiredText("path"))
        return .output(NodeOutput(text: try await files.read(path, of: run.workflow)))
    }
}
