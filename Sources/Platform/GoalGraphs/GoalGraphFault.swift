/// Why a graph is refused.
package enum GoalGraphFault: Hashable, Sendable {
    case noNodes
    case tooManyNodes(Int, max: Int)
    case invalidID(String)
    case duplicateID(String)
    case invalidDescription(node: String)
    case unknownTool(node: String, tool: String)
    case trustTooLow(node: String, tool: String, needed: TrustLevel, granted: TrustLevel)
    case missingCapability(node: String, tool: String, needed: Capability)
    case argument(node: String, ArgumentFault)
    case unknownDependency(node: String, dependency: String)
    case duplicateDependency(node: String, dependency: String)
    /// Each node depends on the next one, and the last on the first.
    case cycle([String])
    /// The node refers to an output that is not that of a dependency, hence may not be there yet.
    case referenceWithoutDependency(node: String, reference: String)
    /// The tool has no output of which the criterion can hold.
    case criterion(node: String, tool: String, SuccessCriterion)
    case tooManyCriteria(node: String, max: Int)
    case invalidEstimate(node: String)
    case overBudget(MicroDollars, budget: MicroDollars)
    case tooLong(seconds: Double, max: Double)
}

extension GoalGraphFault: CustomStringConvertible {
    /// One sentence.
    package var description: String {
        switch self {
        case .noNodes: "The plan has no steps."
        case .tooManyNodes(let count, let max): "The plan has \(count) steps; at most \(max) are accepted."
        case .invalidID(let id):
            "The id '\(id.prefix(80))' of a step is not a lower-case letter and then at most 63 letters a–z, digits, "
                + "underscores and hyphens."
        case .duplicateID(let id): "Two steps have the id '\(id)'."
        case .invalidDescription(let node): "Step '\(node)' has no description of 1 to 500 characters."
        case .unknownTool(let node, let tool):
            "Step '\(node)' uses the tool '\(tool.prefix(80))', which is not offered."
        case .trustTooLow(let node, let tool, let needed, let granted):
            "Step '\(node)' uses the tool '\(tool)', which needs the trust level \(needed.rawValue); the workflow has "
                + "\(granted.rawValue)."
        case .missingCapability(let node, let tool, let needed):
            "Step '\(node)' uses the tool '\(tool)' without the capability \(needed.rawValue)."
        case .argument(let node, let fault): "Step '\(node)': the argument \(fault)."
        case .unknownDependency(let node, let dependency):
            "Step '\(node)' depends on '\(dependency.prefix(80))', which is not there."
        case .duplicateDependency(let node, let dependency): "Step '\(node)' depends twice on '\(dependency)'."
        case .cycle(let nodes) where nodes.count == 1: "Step '\(nodes[0])' depends on itself."
        case .cycle(let nodes):
            "The steps \(nodes.map { "'\($0)'" }.joined(separator: ", ")) depend on one another in a cycle."
        case .referenceWithoutDependency(let node, let reference):
            "Step '\(node)' refers to the output of '\(reference.prefix(80))' without depending on it."
        case .criterion(let node, let tool, let criterion):
            "Step '\(node)' requires that \(criterion), which the output of '\(tool)' cannot show."
        case .tooManyCriteria(let node, let max): "Step '\(node)' has more than \(max) success criteria."
        case .invalidEstimate(let node): "Step '\(node)' has an estimate that is negative or too large."
        case .overBudget(let cost, let budget):
            "The plan is estimated to cost \(cost); the budget is \(budget)."
        case .tooLong(let seconds, let max):
            "The plan is estimated to take \(Int(seconds.rounded(.up))) seconds; at most \(Int(max)) are accepted."
        }
    }
}
