package import Base

/// What a node can do: its name, its arguments and its usual cost.
package struct Tool: Hashable, Sendable {
    /// What the output of a tool has beside its text: what success criteria can refer to.
    package enum OutputPart: Hashable, Sendable {
        case status
        case rows
    }

    package let name: String
    /// One sentence.
    package let description: String
    /// The least level of a workflow that uses it.
    package let trust: TrustLevel
    /// What an agent needs for it.
    package let capability: Capability
    package let parameters: [ToolParameter]
    package let outputParts: Set<OutputPart>
    /// Of one use, where a planner has no better estimate.
    package let usualCost: MicroDollars
    package let usualSeconds: Double

    /// All faults of arguments. Those of a table's operation are looked for once there are no others.
    package func faults(in arguments: [String: JSONValue]) -> [ArgumentFault] {
        let faults = ToolParameter.faults(in: arguments, parameters: parameters, path: "")
        guard faults.isEmpty, parameters.contains(where: { $0.name == TableOperation.parameter }) else { return faults }
        do {
            _ = try TableOperation(arguments: arguments)
            return []
        } catch { return [error] }
    }

    /// The arguments as a JSON Schema, for the description of the tool to a model.
    package var schema: JSONValue { ToolParameter.schema(of: parameters) }
}
