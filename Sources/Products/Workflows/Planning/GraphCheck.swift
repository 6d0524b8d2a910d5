import GoalGraphs
import Modules

/// What every graph has to keep to before it runs, that of a client too.
struct GraphCheck: Sendable {
    /// Those of the installation.
    let tools: ToolCatalog

    /// The faults of a graph, as sentences.
    func faults(in graph: GoalGraph, limits: GoalGraphLimits) -> [String] {
        var faults = GoalGraphValidator(tools: tools, limits: limits).faults(in: graph).map(\.description)
        if let trigger = graph.trigger {
            do throws(CronFault) { _ = try CronExpression(trigger.cron, timeZone: trigger.timeZone) } catch {
                faults.append("\(error).")
            }
        }
        return faults
    }
}
