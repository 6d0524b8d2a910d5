import GoalGraphs
import Identity
import Modules

/// Requests to other services that change something there: each is written down before it is sent, and its outcome
/// afterwards, so that a step that runs again after a crash does not repeat it.
///
/// | state | event | next |
/// |---|---|---|
/// | – | the request is about to be sent | sending |
/// | sending | a response | done |
/// | sending | it was not sent | refused |
/// | sending | no response | unknown |
/// | sending | the step runs again: the process has ended meanwhile | unknown; sending where it may be sent twice |
/// | refused | the step runs again | sending |
///
/// The response is kept until the attempt ends: then the step has it, or it was not accepted.
final class EffectService: Sendable {
    private let database: any Database
    private let runtime: Runtime

    /// An effect under way.
    struct Effect: Sendable {
        let id: ID<Effect>
        let organisation: ID<Organisation>
        /// For the service that gets the request: the same for every try of the same attempt.
        var key: String { id.text }
    }

    enum Beginning: Sendable {
        case send(Effect)
        /// It was done by an earlier run of this attempt.
        case done(NodeOutput)
    }

    init(database: any Database, runtime: Runtime) {
        self.database = database
        self.runtime = runtime
    }

    /// - Parameters:
    ///   - digest: of the request: a step sends the same one.
    ///   - isRepeatable: whether it has the same effect when it is sent twice.
    /// - Throws: ``StepFailure`` where an earlier run may have sent it.
    func begin(_ run: StepRun, kind: String, digest: String, isRepeatable: Bool) async throws -> Beginning {
        let id: ID<Effect> = runtime.id()
        let step = run.step
        let row: Stored? = try await database.write { transaction in
            if try transaction.insertEffect(id, of: step, kind: kind, digest: digest) { return nil }
            return try transaction.effect(of: step)
        }
        guard let row else { return .send(Effect(id: id, organisation: step.organisation)) }
        let effect = Effect(id: row.id, organisation: step.organisation)
        switch row.state {
        case .done: return .done(row.output)
        case .refused: return .send(effect)
        case .sending where isRepeatable: return .send(effect)
        case .sending, .unknown:
            try await settle(effect, as: .unknown)
            throw Self.unconfirmed
        }
    }

    func complete(_ effect: Effect, _ output: NodeOutput) async throws {
        try await database.write { try $0.settleEffect(effect, as: .done, output) }
    }

    /// The request was not sent, or may have been.
    func fail(_ effect: Effect, isUnconfirmed: Bool) async throws {
        try await settle(effect, as: isUnconfirmed ? .unknown : .refused)
    }

    static let unconfirmed = StepFailure(
        .unknown,
        "The service may have received the request, and there is no response. Resume the workflow to send it again.")

    private func settle(_ effect: Effect, as state: Stored.State) async throws {
        try await database.write { try $0.settleEffect(effect, as: state, nil) }
    }

    fileprivate struct Stored: Sendable {
        enum State: String, Sendable, SQLBindable, SQLReadable { case sending, done, refused, unknown }

        let id: ID<Effect>
        let state: State
        let output: NodeOutput
    }
}

extension Transaction {
    /// - Returns: false where the attempt has one.
    fileprivate func insertEffect(
        _ id: ID<EffectService.Effect>, of step: WorkflowStep, kind: String, digest: String
    ) throws -> Bool {
        try execute(
            """
            INSERT INTO workflow_effects (id, organisation_id, step_id, attempt, kind, digest, state, created_at)
            VALUES (\(id), \(step.organisation), \(step.id), \(step.attempt), \(kind), \(digest), 'sending', \(now))
            ON CONFLICT (step_id, attempt) DO NOTHING
            """
        ) == 1
    }

    fileprivate func effect(of step: WorkflowStep) throws -> EffectService.Stored? {
        try first(
            """
            SELECT id, state, output, output_status FROM workflow_effects
            WHERE step_id = \(step.id) AND organisation_id = \(step.organisation) AND attempt = \(step.attempt)
            """
        ) { row in
            EffectService.Stored(
                id: try row["id"], state: try row["state"],
                output: NodeOutput(
                    text: try (row["output"] as String?) ?? "",
                    status: try (row["output_status"] as Int64?).map { Int($0) }))
        }
    }

    /// The attempt at the step has ended.
    func dropEffectOutput(of step: WorkflowStep) throws {
        try execute(
            """
            UPDATE workflow_effects SET output = ''
            WHERE step_id = \(step.id) AND organisation_id = \(step.organisation) AND attempt = \(step.attempt)
                AND output IS NOT NULL
            """
        )
    }

    fileprivate func settleEffect(
        _ effect: EffectService.Effect, as state: EffectService.Stored.State, _ output: NodeOutput?
    ) throws {
        try execute(
            """
            UPDATE workflow_effects SET state = \(state), output = \(output?.text), output_status = \(output?.status),
                settled_at = \(now)
            WHERE id = \(effect.id) AND organisation_id = \(effect.organisation) AND state <> 'done'
            """
        )
    }
}
