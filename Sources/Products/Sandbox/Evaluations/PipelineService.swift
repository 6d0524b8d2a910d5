import Identity
import Modules
import SpotDecisions

/// Runs the engine, or for instances of the lab the linear pipeline with the assigned model.
final class PipelineService: Sendable {
    private let engine: DecisionEngine
    private let lab: LabPipeline
    private let scorer: RiskScorer
    /// The features of a history of prices take longer than a handler may occupy an event loop.
    private let compute: BlockingPool
    private let runtime: Runtime

    init(thresholds: DecisionThresholds, scorer: RiskScorer, compute: BlockingPool, runtime: Runtime) {
        engine = DecisionEngine(.test(thresholds))
        lab = LabPipeline(thresholds)
        self.scorer = scorer
        self.compute = compute
        self.runtime = runtime
    }

    /// - Parameter pipeline: of the instance; nil for one without a configuration.
    func decide(_ session: SandboxSession, _ market: Market, _ pipeline: LabInstance?) async throws(Problem)
        -> DecisionOutcome
    {
        var market = market
        // What AWS says wins over an older report of the owner, unless it says nothing.
        if market.signal == .none { market.signal = session.signal }
        return try await decide(session.pool, market, pipeline)
    }

    func decide(_ pool: SpotPool, _ market: Market, _ pipeline: LabInstance?) async throws(Problem)
        -> DecisionOutcome
    {
        let now = runtime.now()
        return try await Problem.catching {
            try await compute.run { [self] in outcome(pool, market, pipeline, at: now) }
        }
    }

    private func outcome(_ pool: SpotPool, _ market: Market, _ pipeline: LabInstance?, at now: Instant)
        -> DecisionOutcome
    {
        let version = pipeline?.modelVersion ?? LabModel.productionVersion
        let risk = scorer.scores(
            RiskScorer.Query(candidates: market.candidates, prices: market.prices, version: version, time: now))
        let input = DecisionInput(
            .instance(pool), candidates: market.candidates, risk: risk, signal: market.signal, source: market.source,
            time: now)
        return pipeline?.mode == .singleLinear ? lab.decide(input) : engine.decide(input)
    }

    /// The log of one run of the linear pipeline.
    func experiment(
        _ outcome: DecisionOutcome, _ pipeline: LabInstance, milliseconds: Int64, id: ID<Experiment>
    ) -> NewExperiment {
        NewExperiment(
            id: id, organisation: pipeline.organisation, instance: pipeline.id,
            model: pipeline.model ?? LabModel.production, version: pipeline.modelVersion ?? LabModel.productionVersion,
            outcome: outcome, milliseconds: milliseconds, mode: pipeline.mode)
    }
}
