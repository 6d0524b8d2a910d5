import AWS
import Audit
import Identity
import Modules
import SpotDecisions

/// Decides about the instances of sessions, and about pools.
final class EvaluationService: Sendable {
    private let database: any Database
    private let markets: MarketService
    private let pipelines: PipelineService
    private let moves: MoveService
    private let log: SessionLogService
    private let runtime: Runtime

    /// After it another evaluation of the session may begin: the process of the first one was stopped.
    static let lease = Duration.minutes(3)

    init(
        database: any Database, markets: MarketService, pipelines: PipelineService, moves: MoveService,
        log: SessionLogService, runtime: Runtime
    ) {
        self.database = database
        self.markets = markets
        self.pipelines = pipelines
        self.moves = moves
        self.log = log
        self.runtime = runtime
    }

    /// Decides about the instance of a session, and records the decision. Only a session that was created with
    /// `actuate` changes anything in AWS.
    /// - Throws: `sandbox-session-not-found`, `session-expired`, `evaluation-in-progress`, `move-in-progress`,
    ///   `instance-mismatch`.
    func evaluate(_ key: String, scope: Scope) async throws(Problem) -> SessionEvaluation {
        let key = try SessionKey.known(key)
        let id = runtime.id(of: SandboxEvaluation.self)
        let (session, pipeline) = try await database.write { transaction in
            let session = try transaction.lockedSandboxSession(key, in: scope)
            try session.requireActive(at: transaction.now)
            guard try transaction.unfinishedMove(of: session) == nil else { throw Problem(.moveInProgress) }
            guard try transaction.beginEvaluation(id, of: session, until: transaction.now + Self.lease) else {
                throw Problem(.evaluationInProgress)
            }
            return (
                session, try transaction.labInstance(session.originalInstance, of: session.organisation)
            )
        }
        do throws(Problem) {
            let begin = ContinuousClock.now
            let market = try await markets.market(of: session)
            let outcome = try await pipelines.decide(session, market, pipeline)
            let milliseconds = (ContinuousClock.now - begin).microseconds / 1_000
            return try await database.write { [self] transaction in
                try finish(
                    id, of: session, Finding(market: market, outcome: outcome, milliseconds: milliseconds), pipeline,
                    scope, in: transaction)
            }
        } catch {
            // Where this fails too, the lease ends.
            _ = try? await database.write { try $0.endEvaluation(id, of: session) }
            throw error
        }
    }

    /// Decides about a pool by the built-in tables.
    /// - Throws: `validation-failed`, also for an instance whose session is in another region or of another type.
    func evaluate(_ request: EvaluatePool, scope: Scope) async throws(Problem) -> PoolEvaluation {
        let pool = SpotPool(request.instanceType, request.availabilityZone)
        var faults = SandboxTarget.faults(in: pool, region: nil)
        if let instance = request.instanceId, !SandboxTarget.isInstanceID(instance) {
            faults.append(.init("/instance_id", "must be the id of an instance, such as i-0123456789abcdef0"))
        }
        guard faults.isEmpty else { throw .invalid(faults) }
        let organisation = scope.organisation
        var pipeline: LabInstance?
        if let instance = request.instanceId {
            pipeline = try await database.read { transaction in
                try transaction.requirePool(pool, ofSessionsOf: instance, in: scope)
                return try transaction.labInstance(instance, of: organisation)
            }
        }
        let begin = ContinuousClock.now
        let outcome = try await pipelines.decide(pool, by: markets, pipeline)
        let duration = ContinuousClock.now - begin
        // Experiments are those of data scientists: no other account adds runs to them without a session.
        if let pipeline, pipeline.mode == .singleLinear, [.lab, .admin].contains(scope.role) {
            let experiment = pipelines.experiment(
                outcome, pipeline, milliseconds: duration.microseconds / 1_000, id: runtime.id())
            try await database.write { try $0.insert(experiment) }
        }
        return PoolEvaluation(outcome, milliseconds: Double(duration.microseconds) / 1_000)
    }

    /// What an evaluation found.
    private struct Finding: Sendable {
        let market: Market
        let outcome: DecisionOutcome
        let milliseconds: Int64
    }

    private func finish(
        _ id: ID<SandboxEvaluation>, of known: SandboxSession, _ finding: Finding, _ pipeline: LabInstance?,
        _ scope: Scope, in transaction: Transaction
    ) throws -> SessionEvaluation {
        guard let session = try transaction.lockedSandboxSession(known.id, of: known.organisation) else {
            throw Problem(.sandboxSessionNotFound)
        }
        try session.requireActive(at: transaction.now)
        guard try transaction.endEvaluation(id, of: session) else { throw Problem(.evaluationInProgress) }
        let (market, outcome) = (finding.market, finding.outcome)
        try transaction.insertAction(
            .monitoring, outcome.decision == .unknown ? .failed : .success,
            "\(outcome.decision.rawValue): \(outcome.reason)", milliseconds: finding.milliseconds,
            error: outcome.decision == .unknown ? outcome.reason : nil, id: runtime.id(), of: session)
        if let prices = market.prices(of: session.pool) {
            try transaction.recordSavings(prices, id: runtime.id(), of: session)
        }
        if let pipeline, pipeline.mode == .singleLinear {
            try transaction.insert(
                pipelines.experiment(outcome, pipeline, milliseconds: finding.milliseconds, id: runtime.id()))
        }
        var lines = market.lines + outcome.trace.map { LogLine($0) }
        let action = try act(on: outcome, market.instance, of: session, scope, &lines, in: transaction)
        try log.append(lines, to: session, in: transaction)
        return SessionEvaluation(outcome, action)
    }

    private func act(
        on outcome: DecisionOutcome, _ instance: EC2Instance?, of session: SandboxSession, _ scope: Scope,
        _ lines: inout [LogLine], in transaction: Transaction
    ) throws -> ActionTaken {
        guard ![.stay, .unknown].contains(outcome.decision) else { return .none }
        guard session.actuates, outcome.decision == .switch, let selected = outcome.selected else { return .logged }
        guard try !moves.resumeRollBack(of: session, in: transaction) else {
            lines.append(
                LogLine(
                    .action, .warning,
                    "An earlier move was not rolled back completely. That is tried again, and nothing is replaced "
                        + "before it succeeds."))
            return .unavailable
        }
        guard outcome.source == .aws else {
            lines.append(
                LogLine(.action, .warning, "Nothing is replaced by a decision from the built-in tables."))
            return .unavailable
        }
        guard instance?.state == .running else {
            let state = instance?.state.rawValue ?? "not known to AWS"
            lines.append(
                LogLine(
                    .action, .warning, "Only a running instance is replaced, and \(session.instance) is \(state)."))
            return .unavailable
        }
        guard try moves.start(of: session, to: selected, scope, in: transaction) else {
            lines.append(
                LogLine(.action, .warning, "Another session replaces \(session.instance), or has replaced it."))
            return .unavailable
        }
        lines.append(LogLine(.action, "\(session.instance) is being replaced by an instance in \(selected.pool)."))
        return .started
    }
}
