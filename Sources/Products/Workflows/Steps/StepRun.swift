import GoalGraphs
import Identity
import Modules

/// One attempt at a step: what its tool works with.
struct StepRun: Sendable {
    let workflow: Workflow
    let step: WorkflowStep
    let tool: Tool
    /// With the outputs of other steps in place of the references to them.
    let arguments: [String: JSONValue]

    var organisation: ID<Organisation> { workflow.organisation }
    var node: GoalNode { step.node }

    /// A text argument; nil where it is left out.
    func text(_ name: String) -> String? { arguments[name]?.string }

    /// A text that is written in the plan: it is acted on as the user's own.
    /// - Throws: ``StepFailure`` where it is missing, and for the output of a step.
    func writtenText(_ name: String) throws(StepFailure) -> String {
        guard let text = node.arguments[name]?.string else {
            throw StepFailure(
                .policyViolation, "The argument '\(name)' is written in the plan; it is no output of a step.")
        }
        return text
    }

    /// - Throws: ``StepFailure`` where it is missing.
    func requiredText(_ name: String) throws(StepFailure) -> String {
        guard let text = text(name) else { throw StepFailure(.toolError, "The argument '\(name)' is missing.") }
        return text
    }
}
