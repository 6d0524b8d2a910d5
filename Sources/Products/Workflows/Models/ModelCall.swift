import GoalGraphs
import Models

/// One question to a model, and what came of it.
struct ModelCall<Answer: Sendable>: Sendable {
    let model: String
    let result: Result<Answer, ModelError>
    let cost: MicroDollars

    var answer: Answer? { try? result.get() }
    var error: ModelError? { if case .failure(let error) = result { error } else { nil } }

    /// What the call says about the model; nothing where the service has refused the question, which is the user's.
    var outcome: ModelOutcome? {
        switch error?.kind {
        case nil: ModelOutcome(model: model, isSuccess: true)
        case .refused, .cancelled: nil
        case .rateLimited, .overloaded, .unauthorized, .malformed, .unreachable, .timedOut, .interrupted:
            ModelOutcome(model: model, isSuccess: false)
        }
    }
}

/// Whether a model has answered as it was asked.
struct ModelOutcome: Sendable, Hashable {
    let model: String
    let isSuccess: Bool
}

/// What was asked of models for a step or a plan: for the transaction that ends it.
struct ModelUse: Sendable {
    /// Whose answer was taken; where there is none, the first that has failed.
    var model: String
    var cost: MicroDollars
    var outcomes: [ModelOutcome]
    /// Of the answer, 0 to 1; nil where there is none, or it has none.
    var confidence: Double?
    /// Of an answer that was to be verified.
    var verification: Verification?

    /// - Parameter model: as ``model``.
    init<Answer: Sendable>(_ calls: [ModelCall<Answer>], model: String) {
        self.model = model
        cost = calls.reduce(.zero) { $0 + $1.cost }
        outcomes = calls.compactMap(\.outcome)
    }
}

/// The organisation has asked models as often as it may, or the rest of the budget is reserved: the next call has to
/// wait.
struct ModelCallsExceeded: Error {
    let wait: Duration
}
