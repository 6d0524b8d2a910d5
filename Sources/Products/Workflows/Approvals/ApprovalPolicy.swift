import GoalGraphs
import Modules

/// Which steps need the consent of a person: those that change or delete what is elsewhere, commands, and calls of tools
/// of other servers unless these only read (``MCPCallExecutor``).
enum ApprovalPolicy {
    private static let methods: Set = ["PUT", "PATCH", "DELETE"]

    /// - Returns: the question; nil for a step that needs no consent.
    static func question(about node: GoalNode) -> String? {
        switch node.tool {
        case Tool.httpRequest.name:
            guard let method = node.arguments["method"]?.string, methods.contains(method) else { return nil }
            let url = node.arguments["url"]?.string.map { String($0.prefix(300)) } ?? "a URL of an earlier step"
            return "May the workflow send the request \(method) \(url)?"
        case Tool.runCommand.name:
            // The tool refuses a command that is the output of a step.
            let command = node.arguments[RunCommandExecutor.argument]?.string ?? "the output of a step"
            return "May the workflow run this command in its folder? \(shown(command))"
        case Tool.mcpCall.name:
            let server = node.arguments[MCPCallExecutor.serverArgument]?.string ?? ""
            let tool = node.arguments[MCPCallExecutor.toolArgument]?.string ?? ""
            let arguments = (try? JSONColumn.encode(node.arguments["arguments"] ?? [:])) ?? ""
            let end = arguments.count > argumentsMax ? "…" : ""
            return "May the workflow call the tool \(shown(tool)) of the server \(shown(server)) with these arguments? "
                + shown(String(arguments.prefix(argumentsMax))) + end
        default: return nil
        }
    }

    /// Characters of the arguments of a call that a question shows.
    private static let argumentsMax = 2_000

    /// Why a question is asked, without words of the user.
    static func reason(for node: GoalNode) -> String {
        switch node.tool {
        case Tool.runCommand.name: "The step runs a command."
        case Tool.mcpCall.name: "The step calls a tool that may change what is elsewhere."
        default: "The step changes or deletes what is elsewhere."
        }
    }

    /// A command as a whole and on one line: a character that is not seen could make it look like another one.
    private static func shown(_ command: String) -> String {
        command.unicodeScalars.map { scalar in
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned:
                scalar == "\n" ? "\\n" : "\\u{\(String(scalar.value, radix: 16))}"
            default: String(scalar)
            }
        }.joined()
    }
}
