import Modules

struct SandboxActionView: Payload {
    var timestamp: Instant
    var actionType: SandboxAction.Kind
    var status: SandboxAction.Status
    var details: String
    var executionTimeMs: Int64?
    var errorMessage: String?

    init(_ action: SandboxAction) {
        timestamp = action.createdAt
        actionType = action.kind
        status = action.status
        details = action.details
        executionTimeMs = action.executionMilliseconds
        errorMessage = action.error
    }
}
