/// What happens to workflows, under the names that clients of their topics know.
enum WorkflowEvent: String, Sendable, CaseIterable {
    case intentSubmitted = "intent.submitted"
    case planned = "workflow.planned"
    case started = "workflow.started"
    case stepStarted = "workflow.step_started"
    /// A second model has answered too, and the answers were compared.
    case stepVerified = "workflow.step_verified"
    case stepCompleted = "workflow.step_completed"
    case stepFailed = "workflow.step_failed"
    case approvalRequested = "workflow.approval_requested"
    case approvalAnswered = "workflow.approval_answered"
    case recoveryTriggered = "workflow.recovery_triggered"
    case completed = "workflow.completed"
    case failed = "workflow.failed"
    case paused = "workflow.paused"
    case resumeRequested = "workflow.resume_requested"
    case resumed = "workflow.resumed"
    case cancelled = "workflow.cancelled"
    case agentSpawned = "agent.spawned"
    case agentRetired = "agent.retired"
    case agentReplaced = "agent.replaced"

    /// Whether it is an entry of the audit trail, beside a message of the topic. The entries of
    /// steps name their agents.
    var isAudited: Bool {
        switch self {
        case .agentSpawned, .agentRetired: false
        default: true
        }
    }

    var isFailure: Bool { self == .stepFailed || self == .failed }
}
