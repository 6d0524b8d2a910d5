import GoalGraphs
import Modules

/// Which steps need the consent of a person: those that change or delete what is elsewhere.
enum ApprovalPolicy {
    private static let methods: Set = ["PUT", "PATCH", "DELETE"]

    /// - Returns: the question; nil for a step that needs no consent.
    static func question(about node: GoalNode) -> String? {
        guard node.tool == Tool.httpRequest.name, let method = node.arguments["method"]?.string,
            methods.contains(method)
        else { return nil }
        let url = node.arguments["url"]?.string.map { String($0.prefix(300)) } ?? "a URL of an earlier step"
        return "May the workflow send the request \(method) \(url)?"
    }
}
