import GoalGraphs
import Modules

/// Changes a table: `csv_transform` reads CSV, `json_transform` a JSON array; `convert` makes one into the other. The
/// time grows with the length of the table, times the number of conditions or columns that are named.
final class TableExecutor: ToolExecutor {
    let tool: Tool
    let lane = JobLane.short
    private let compute: BlockingPool

    init(_ tool: Tool, compute: BlockingPool) {
        self.tool = tool
        self.compute = compute
    }

    func run(_ run: StepRun) async throws -> ToolResult {
        let operation: TableOperation
        do { operation = try TableOperation(arguments: run.arguments) } catch {
            throw StepFailure(.toolError, "The argument \(error).")
        }
        let input = try run.requiredText("input")
        let isCSV = tool.name == Tool.csvTransform.name
        return .output(try await compute.run { try Self.output(of: operation, input, isCSV: isCSV) })
    }

    private static func output(of operation: TableOperation, _ input: String, isCSV: Bool) throws -> NodeOutput {
        let table = try (isCSV ? Table(csv: input) : Table(json: input)).applying(operation)
        let writesCSV = isCSV != (operation == .convert)
        let text = try writesCSV ? TableWriter.csv(table) : TableWriter.json(table)
        return NodeOutput(text: text, rows: table.rows.count)
    }
}
