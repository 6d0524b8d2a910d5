import GoalGraphs
import Modules

/// Lists the paths of files of the workflow's folder, one a line.
final class ListDirectoryExecutor: ToolExecutor {
    let tool = Tool.listDirectory
    private let files: WorkflowFileService

    init(files: WorkflowFileService) { self.files = files }

    func run(_ run: StepRun) async throws -> ToolResult {
        var prefix = ""
        if let path = run.text("path"), path != ".", path != "/", !path.isEmpty {
            prefix = try WorkflowPath(path.hasSuffix("/") ? String(path.dropLast()) : path).text + "/"
        }
        let paths = try await files.list(run.workflow).map(\.path.text).filter { $0.hasPrefix(prefix) }
        return .output(NodeOutput(text: paths.joined(separator: "\n"), rows: paths.count))
    }
}
