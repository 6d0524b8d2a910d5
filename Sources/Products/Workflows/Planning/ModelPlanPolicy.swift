import GoalGraphs
import Modules
import Outbound

/// What a plan of a language model may not decide: who gets something from the workflow. Texts that the model reads,
/// such as a context, may hold instructions of others; the intent is the user's own.
struct ModelPlanPolicy: Sendable {
    /// In lower case.
    private let intent: String

    /// Tools whose sentences would be planned in their turn, as if the user had written them.
    static let excludedTools: Set = [Tool.schedule.name, Tool.subWorkflow.name]

    init(intent: String) { self.intent = intent.lowercased() }

    /// The faults of a graph, as sentences for the model.
    func faults(in graph: GoalGraph) -> [String] {
        graph.nodes.flatMap { node -> [String] in
            switch node.tool {
            case Tool.sendEmail.name: recipientFaults(of: node)
            case Tool.httpRequest.name: hostFaults(of: node)
            default: []
            }
        }
    }

    private func recipientFaults(of node: GoalNode) -> [String] {
        (node.arguments["to"]?.array ?? []).compactMap { recipient in
            let address = recipient.string
            guard address != Tool.ownerAddress, address.map(isNamed) != true else { return nil }
            return "Step '\(node.id)' sends an e-mail to an address that the intent does not name; it may go to "
                + "'\(Tool.ownerAddress)', the user."
        }
    }

    private func hostFaults(of node: GoalNode) -> [String] {
        guard let url = node.arguments["url"]?.string else {
            return ["Step '\(node.id)' has a URL that is not written in the plan."]
        }
        // Every request, because the path and the query of a GET tell its host as much as a body does.
        guard let host = (try? UserURL(url))?.host, isNamed(host) else {
            return ["Step '\(node.id)' sends a request to a host that the intent does not name."]
        }
        return []
    }

    /// Whether the intent has the text as a word of its own: `a.example` is not named by `data.example`.
    private func isNamed(_ text: String) -> Bool {
        intent.ranges(of: text.lowercased()).contains { range in
            let (before, after) = (intent[..<range.lowerBound].last, intent[range.upperBound...])
            // A point belongs to a name unless it ends a sentence.
            let ends =
                after.first.map(Self.isPart) != true
                || (after.first == "." && after.dropFirst().first.map(Self.isPart) != true)
            return before.map(Self.isPart) != true && ends
        }
    }

    /// Whether the character belongs to the names of hosts and to addresses.
    private static func isPart(_ character: Character) -> Bool {
        character.isLetter || character.isNumber || ".-_+@%".contains(character)
    }
}
