import Modules

/// Why a step has failed.
struct StepFailure: Error, Sendable {
    enum Kind: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        /// Another service was not reachable or busy, and nothing has happened there.
        case transient
        case modelError = "model_error"
        /// The tool has refused its arguments, or its output does not meet a criterion, or its confidence is too low.
        case toolError = "tool_error"
        case resourceExhaustion = "resource_exhaustion"
        case policyViolation = "policy_violation"
        case timeout
        /// Also where an outside effect may have happened.
        case unknown
    }

    let kind: Kind
    /// A sentence for the user.
    let text: String
    /// A sentence for the audit trail, without words of the user; nil for the usual one.
    var reason: String?
    /// How long the service that has refused asks to wait.
    var retryAfter: Duration?
    /// What was asked of models.
    var models: ModelUse?
    /// Whether a service has answered that it did what the step asks, so that another attempt would ask it again.
    private(set) var hasTakenEffect = false

    init(_ kind: Kind, _ text: String) {
        self.kind = kind
        self.text = String(text.prefix(WorkflowStep.errorMax)).replacingNUL
    }

    /// The failure of a step whose request a service has carried out.
    static func afterEffect(_ kind: Kind, _ text: String) -> StepFailure {
        var failure = StepFailure(
            kind, "The service has carried out the request; resuming the workflow sends it again. \(text)")
        failure.hasTakenEffect = true
        return failure
    }
}
