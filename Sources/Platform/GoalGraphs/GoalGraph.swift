package import Base

/// What a workflow does: steps, each of which runs one tool after the steps that it depends on.
///
/// A graph that was read or written by a planner is checked by ``GoalGraphValidator`` before it runs.
package struct GoalGraph: Hashable, Sendable, Codable {
    /// In the order in which they were planned.
    package var nodes: [GoalNode]
    /// When the graph runs; nil: once, at its submission.
    package var trigger: Trigger?

    package init(nodes: [GoalNode], trigger: Trigger? = nil) {
        self.nodes = nodes
        self.trigger = trigger
    }

    package subscript(id: String) -> GoalNode? { nodes.first { $0.id == id } }
}

/// One step of a workflow.
package struct GoalNode: Hashable, Sendable, Codable {
    /// Unique within its graph: a lower-case letter, then letters, digits, `_` and `-`, at most 64 characters.
    package var id: String
    /// One sentence for the user.
    package var description: String
    /// What the agent that runs the step must be able to do.
    package var capabilities: [Capability]
    /// A ``Tool`` of the catalogue, by name.
    package var tool: String
    /// The tool's arguments. A value at any depth may be a reference to the output of a node, `{"$output": "step1"}`.
    package var arguments: [String: JSONValue]
    /// The ids of nodes that complete before this one starts.
    package var dependencies: [String]
    /// All of them hold for the output, else the step failed.
    package var successCriteria: [SuccessCriterion]
    package var estimatedCost: MicroDollars
    package var estimatedSeconds: Double

    package init(
        id: String,
        description: String,
        capabilities: [Capability],
        tool: String,
        arguments: [String: JSONValue],
        dependencies: [String] = [],
        successCriteria: [SuccessCriterion] = [],
        estimatedCost: MicroDollars,
        estimatedSeconds: Double
    ) {
        self.id = id
        self.description = description
        self.capabilities = capabilities
        self.tool = tool
        self.arguments = arguments
        self.dependencies = dependencies
        self.successCriteria = successCriteria
        self.estimatedCost = estimatedCost
        self.estimatedSeconds = estimatedSeconds
    }

    private enum CodingKeys: String, CodingKey {
        case id, description, capabilities, tool, arguments, dependencies
        case successCriteria = "success_criteria"
        case estimatedCost = "estimated_cost_micros"
        case estimatedSeconds = "estimated_seconds"
    }
}

extension GoalNode {
    /// The ids of the nodes whose outputs the arguments refer to, in the order of their first use by argument name.
    package var references: [String] {
        var seen: Set<String> = []
        return arguments.sorted { $0.key < $1.key }.flatMap { OutputReference.all(in: $0.value) }
            .map(\.node).filter { seen.insert($0).inserted }
    }

    /// The arguments with the texts of the outputs in place of the references to them.
    /// - Returns: nil where an output is not in `outputs`.
    package func arguments(with outputs: [String: NodeOutput]) -> [String: JSONValue]? {
        var resolved: [String: JSONValue] = [:]
        for (name, value) in arguments {
            guard let value = OutputReference.resolved(value, outputs) else { return nil }
            resolved[name] = value
        }
        return resolved
    }
}
