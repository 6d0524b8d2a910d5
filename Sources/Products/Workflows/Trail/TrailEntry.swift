import Identity
import Modules

/// An event of a workflow with the decision that led to it.
///
/// Decision, reasoning and facts have no words of the user: the audit trail keeps them when an account is erased.
struct TrailEntry: Sendable {
    let event: WorkflowEvent
    let workflow: Workflow
    /// Who has requested it; nil for what the service does itself.
    var actor: Scope?
    /// The node of a step.
    var node: String?
    var agent: ID<WorkflowAgent>?
    var decision: String
    var reasoning: String
    var confidence: Double?
    var facts: [String: String] = [:]

    init(
        _ event: WorkflowEvent, of workflow: Workflow, by actor: Scope? = nil, node: String? = nil,
        agent: ID<WorkflowAgent>? = nil, decision: String = "", because reasoning: String = "",
        confidence: Double? = nil, facts: [String: String] = [:]
    ) {
        self.event = event
        self.workflow = workflow
        self.actor = actor
        self.node = node
        self.agent = agent
        self.decision = decision
        self.reasoning = reasoning
        self.confidence = confidence
        self.facts = facts
    }
}
