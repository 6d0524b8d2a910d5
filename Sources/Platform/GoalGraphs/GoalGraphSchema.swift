package import Base

/// What a language model is to answer when it plans: a JSON Schema, a guide to the tools, and the reading of its
/// answers, which may deviate from both.
package struct GoalGraphSchema: Sendable {
    /// Of the schema.
    package static let name = "goal_graph"
    /// Steps that are read; fewer may be valid.
    private static let nodesMax = 200

    private let tools: ToolCatalog

    /// - Parameter tools: those that the model is offered.
    package init(tools: ToolCatalog) { self.tools = tools }

    /// Without references.
    package var json: JSONValue {
        let text: JSONValue = ["type": "string"]
        let criterion: JSONValue = [
            "type": "object",
            "properties": [
                "kind": [
                    "type": "string", "enum": .array(SuccessCriterion.Kind.allCases.map { .string($0.rawValue) }),
                ],
                "value": ["type": ["string", "integer"]],
            ],
            "required": ["kind"], "additionalProperties": false,
        ]
        let node: JSONValue = [
            "type": "object",
            "properties": [
                "id": ["type": "string", "pattern": "^[a-z][a-z0-9_-]{0,63}$"],
                "description": ["type": "string", "minLength": 1, "maxLength": 500],
                "tool": ["type": "string", "enum": .array(tools.tools.map { .string($0.name) })],
                "arguments": ["type": "object"],
                "dependencies": ["type": "array", "items": text],
                "success_criteria": ["type": "array", "items": criterion],
                "estimated_cost_micros": ["type": "integer", "minimum": 0],
                "estimated_seconds": ["type": "number", "minimum": 0],
            ],
            "required": ["id", "description", "tool", "arguments"], "additionalProperties": false,
        ]
        return [
            "type": "object",
            "properties": [
                "nodes": ["type": "array", "items": node, "minItems": 1, "maxItems": .integer(Int64(Self.nodesMax))],
                "trigger": [
                    "type": ["object", "null"], "properties": ["cron": text, "time_zone": text],
                    "required": ["cron", "time_zone"], "additionalProperties": false,
                ],
            ],
            "required": ["nodes"], "additionalProperties": false,
        ]
    }

    /// What the schema does not say, for the instructions of the model.
    package var guide: String {
        let withStatus = tools.tools.filter { $0.outputParts.contains(.status) }.map(\.name)
        var lines = [
            "A plan is a JSON object with the member nodes: steps, each of which uses one tool.",
            "A step runs after the steps whose ids are in its dependencies; steps that do not need one another run at "
                + "the same time.",
            "An argument may be the output of a step: {\"\(OutputReference.member)\": \"<id of the step>\"}, an object "
                + "of this one member.",
            "A success criterion is {\"kind\": …, \"value\": …}: not_empty and valid_json without a value, contains "
                + "with a text, status_is with a number (\(withStatus.joined(separator: ", "))), rows_at_least with a "
                + "number (tables and lists).",
            "A plan that is to run at recurring times has the member trigger: {\"cron\": \"0 9 * * 1\", \"time_zone\": "
                + "\"Europe/Berlin\"}.",
            "The tools and their arguments:",
        ]
        for tool in tools.tools {
            lines.append("- \(tool.name): \(tool.description)")
            for parameter in tool.parameters {
                lines.append(
                    "    \(parameter.name) (\(parameter.kind.summary)\(parameter.isRequired ? "" : ", optional")): "
                        + parameter.description)
            }
        }
        return lines.joined(separator: "\n")
    }

    /// Reads an answer, or JSON of a client. Where it leaves them out, capabilities and estimates are those of the
    /// tool, and a reference makes a dependency. Whether the graph may run is for ``GoalGraphValidator`` to check.
    package func graph(from value: JSONValue) throws(GoalGraphAnswerFault) -> GoalGraph {
        var reader = GoalGraphReader(tools: tools)
        let graph = reader.graph(value, nodesMax: Self.nodesMax)
        guard reader.faults.isEmpty, let graph else { throw GoalGraphAnswerFault(faults: reader.faults) }
        return graph
    }
}

extension ToolParameter.Kind {
    /// For models: `text`, `a list of text`.
    fileprivate var summary: String {
        switch self {
        case .text: "text"
        case .integer(let range): "whole number from \(range.lowerBound) to \(range.upperBound)"
        case .boolean: "true or false"
        case .choice(let choices): "one of \(choices.joined(separator: ", "))"
        case .list(let kind, _): "list of: \(kind.summary)"
        case .record(let parameters):
            "object of "
                + parameters.map { "\($0.name)\($0.isRequired ? "" : "?") (\($0.kind.summary))" }.joined(
                    separator: ", ")
        case .object: "object"
        }
    }
}
