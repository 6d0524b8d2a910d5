import GoalGraphs
import Identity
import Modules

/// What the run of a tool leads to.
enum ToolResult: Sendable {
    /// The step is done. `effect` runs in the transaction that ends the step, so that both happen or neither; it checks
    /// before it writes, and throws a ``StepFailure`` where it refuses.
    case output(NodeOutput, effect: (@Sendable (Transaction) throws -> Void)? = nil)
    /// A service has carried out the step's request, and this is its response. No failure that follows from it makes
    /// another attempt, which would send the request again.
    case effected(NodeOutput)
    /// The step is done by the answer of a language model, unless its confidence is too low.
    case answer(NodeOutput, ModelUse)
    /// The step waits for the end of another workflow, which is submitted in that transaction.
    case workflow(intent: String)
}

/// Runs one tool of the catalogue.
///
/// A run may be repeated after a crash: everything that a tool does outside of the effect of
/// ``ToolResult/output(_:effect:)`` can be done twice, or is written down before it is done (``EffectService``).
protocol ToolExecutor: Sendable {
    var tool: Tool { get }
    /// Whose slots its jobs use: of a lane that organisations share, where it waits for other services or computes.
    var lane: JobLane { get }
    /// What a person consents to before a step about which ``ApprovalPolicy`` has a question: consent to another subject
    /// does not count.
    /// - Returns: nil where no consent is needed; an empty text where the step itself is all.
    func consentSubject(of node: GoalNode, of organisation: ID<Organisation>, in transaction: Transaction) throws
        -> String?
    /// What one run may cost: the part of the budget that is reserved for it.
    /// - Parameter outputs: reads those that the arguments refer to.
    func costMax(of node: GoalNode, outputs: () throws -> [String: NodeOutput]) throws -> MicroDollars
    /// - Throws: ``StepFailure``; ``ModelCallsExceeded`` where the same attempt has to wait; other errors are those of
    ///   the service, and the job is run again.
    func run(_ run: StepRun) async throws -> ToolResult
}

extension Result<ToolResult, StepFailure> {
    /// What is stored with the step.
    var output: NodeOutput? {
        switch self {
        case .success(.output(let output, _)), .success(.effected(let output)), .success(.answer(let output, _)): output
        case .success(.workflow), .failure: nil
        }
    }

    /// Whether the step has an effect elsewhere that is done (``EffectService``).
    var hasTakenEffect: Bool {
        switch self {
        case .success(.effected): true
        case .success: false
        case .failure(let failure): failure.hasTakenEffect
        }
    }

    /// What was asked of models.
    var models: ModelUse? {
        switch self {
        case .success(.answer(_, let models)): models
        case .success(.output), .success(.effected), .success(.workflow): nil
        case .failure(let failure): failure.models
        }
    }
}

extension ToolExecutor {
    var lane: JobLane { .system }
    func consentSubject(of node: GoalNode, of organisation: ID<Organisation>, in transaction: Transaction) -> String? {
        ""
    }

    func costMax(of _: GoalNode, outputs _: () throws -> [String: NodeOutput]) throws -> MicroDollars {
        tool.usualCost
    }
}
