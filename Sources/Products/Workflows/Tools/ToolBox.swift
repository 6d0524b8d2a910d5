import GoalGraphs
import Modules

/// The tools of this installation.
final class ToolBox: Sendable {
    /// Those that plans may use.
    let catalog: ToolCatalog
    private let executors: [String: any ToolExecutor]

    init(_ executors: [any ToolExecutor]) {
        self.executors = Dictionary(uniqueKeysWithValues: executors.map { ($0.tool.name, $0) })
        catalog = ToolCatalog(executors.map(\.tool))
    }

    subscript(name: String) -> (any ToolExecutor)? { executors[name] }
}
