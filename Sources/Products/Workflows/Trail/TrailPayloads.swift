import Audit
import GoalGraphs
import Identity
import Modules

/// A message of the topic of a workflow.
struct WorkflowMessage: Payload {
    let workflowId: ID<Workflow>
    let status: Workflow.State
    /// Who has requested it, or else whose workflow it is.
    let userId: ID<Person>
    let stepId: String?
    let agentId: ID<WorkflowAgent>?
    let decision: String
    let reasoning: String
    let confidence: DecimalNumber?
    let cost: DecimalNumber
    let stepsCompleted: Int64
    let stepsFailed: Int64
    let stepsTotal: Int64
    let timestamp: Instant

    init(_ entry: TrailEntry, at now: Instant) {
        workflowId = entry.workflow.id
        status = entry.workflow.state
        userId = entry.actor?.person ?? entry.workflow.person
        stepId = entry.node
        agentId = entry.agent
        decision = entry.decision
        reasoning = entry.reasoning
        confidence = entry.confidence.map(WorkflowNumbers.confidence)
        cost = entry.workflow.cost.dollars
        stepsCompleted = entry.workflow.stepsCompleted
        stepsFailed = entry.workflow.stepsFailed
        stepsTotal = entry.workflow.stepsTotal
        timestamp = now
    }
}

struct WorkflowAuditEntry: Payload {
    let logId: ID<AuditEvent>
    let eventType: String
    let reasoning: String
    let decision: String
    let confidence: DecimalNumber?
    let timestamp: Instant
    let agentId: String?
    let stepId: String?
    /// Who has requested it; nil for what the service has done itself.
    let userId: String?
    /// Such as hashes of arguments, cost in dollars and duration in milliseconds.
    let facts: [String: String]

    private static let own: Set = ["reasoning", "decision", "confidence", "agent", "step"]

    init(_ record: AuditRecord) {
        let details = record.event.details
        logId = record.id
        eventType = record.event.action
        reasoning = details["reasoning"] ?? ""
        decision = details["decision"] ?? ""
        confidence = details["confidence"].flatMap { DecimalNumber($0) }
        timestamp = record.at
        agentId = details["agent"]
        stepId = details["step"]
        userId = record.event.actor
        facts = details.filter { !Self.own.contains($0.key) }
    }
}

/// The audit entries of a workflow, the oldest first.
struct WorkflowAuditEntries: Payload {
    let workflowId: ID<Workflow>
    let entries: [WorkflowAuditEntry]
    let totalEntries: Int64

    var listTotal: Int64? { totalEntries }
}
