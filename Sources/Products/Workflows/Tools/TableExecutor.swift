import GoalGraphs
import Modules

/// Changes a table: `csv_transform` reads CSV, `json_transform` a JSON array; `convert` makes one into the other.
final class TableExecutor: ToolExecutor {
    let tool: Tool

    init(_ tool: Tool) { self.tool = tool }

    func run(_ run: StepRun) async throws -> ToolResult {
        let operation: TableOperation
        do { operation = try TableOperation(arguments: run.arguments) } catch {
            throw StepFailure(.toolError, "The argument \(error).")
        }
        let input = try run.requiredText("input")
        let isCSV = tool.name == Tool.csvTransform.name
        let table = try (isCSV ? Table(csv: input) : Table(json: input)).applying(operation)
        let writesCSV = isCSV != (operation == .convert)
        let text = try writesCSV ? table.csv : JSONColumn.encode(table.json)
        return .output(NodeOutput(text: text, rows: table.rows.count))
    }
}
