import Modules

/// What follows from the failure of a step.
enum Recovery: Hashable, Sendable {
    /// The same step again, after a wait.
    case retry(after: Duration)
    /// The same step by another language model, by name.
    case swapModel(to: String)
    /// The same step by another agent.
    case swapAgent
    /// A person decides: the workflow is paused.
    case escalate

    /// As in audit entries.
    var name: String {
        switch self {
        case .retry: "retry"
        case .swapModel: "swap_model"
        case .swapAgent: "swap_agent"
        case .escalate: "escalate"
        }
    }
}

/// Decides about failed steps, without clock and I/O.
enum RecoveryPolicy {
    /// The times that a step runs before a person decides.
    static let attemptsMax: Int64 = 3
    private static let firstWait = Duration.seconds(1)
    private static let waitMax = Duration.seconds(60)
    /// Of a wait that a service asks for.
    private static let retryAfterMax = Duration.minutes(10)

    /// - Parameters:
    ///   - retryAfter: the wait that a service has asked for.
    ///   - attempt: which has failed: 1, 2, …
    ///   - otherModel: one beside the model that has failed; nil where there is none.
    ///   - hasTakenEffect: whether another attempt would do again what was done elsewhere.
    static func recovery(
        from kind: StepFailure.Kind, retryAfter: Duration? = nil, attempt: Int64, otherModel: String? = nil,
        hasTakenEffect: Bool = false
    ) -> Recovery {
        guard attempt < attemptsMax, !hasTakenEffect else { return .escalate }
        switch kind {
        case .transient: return .retry(after: max(wait(after: attempt), min(retryAfter ?? .zero, retryAfterMax)))
        case .modelError:
            if let otherModel { return .swapModel(to: otherModel) }
            return .swapAgent
        case .toolError: return .swapAgent
        case .resourceExhaustion, .policyViolation, .timeout, .unknown: return .escalate
        }
    }

    /// 1 s, then twice as long each time, at most 60 s.
    static func wait(after attempt: Int64) -> Duration {
        min(waitMax, firstWait * (1 << min(max(0, attempt - 1), 6)))
    }
}
