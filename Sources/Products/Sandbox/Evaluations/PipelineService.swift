import Identity
import Modules
import SpotDecisions

/// Runs the engine, or for instances of the lab the linear pipeline with the assigned model.
final class PipelineService: Sendable {
    private let thresholds: DecisionThresholds
    private let decidesForClusters: Bool
    private let scorer: RiskScorer
    /// The features of a history of prices take longer than a handler may occupy an event loop.
    private let compute: BlockingPool
    private let runtime: Runtime

    /// - Parameter decidesForClusters: as in ``SandboxSettings``.
    init(
        thresholds: DecisionThresholds, decidesForClusters: Bool, scorer: RiskScorer, compute: BlockingPool,
        runtime: Runtime
    ) {
        self.thresholds = thresholds
        self.decidesForClusters = decidesForClusters
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
        let (known, now) = (market, runtime.now())
        return try await Problem.catching {
            try await compute.run { [self] in outcome(.instance(session.pool), known, pipeline, at: now) }
        }
    }

    /// Decides about a pool by the built-in tables: about one instance in it, or where the installation decides for
    /// clusters, about a workload of the size of its type.
    func decide(_ pool: SpotPool, by markets: MarketService, _ pipeline: LabInstance?) async throws(Problem)
        -> DecisionOutcome
    {
        let now = runtime.now()
        return try await Problem.catching {
            try await compute.run { [self] in
                guard decidesForClusters, pipeline?.mode != .singleLinear,
                    let needs = InstanceTypes.embedded[pool.instanceType]?.hardware
                else { return outcome(.instance(pool), markets.builtin(pool), pipeline, at: now) }
                return outcome(.cluster(needs: needs, current: pool), markets.catalogue(pool), pipeline, at: now)
            }
        }
    }

    private func outcome(
        _ target: DecisionInput.Target, _ market: Market, _ pipeline: LabInstance?, at now: Instant
    ) -> DecisionOutcome {
        let version = pipeline?.modelVersion ?? LabModel.productionVersion
        let risk = scorer.scores(
            RiskScorer.Query(
                candidates: market.candidates, prices: market.prices, version: version,
                usesFamilyStress: pipeline?.familyStress ?? true, time: now))
        let input = DecisionInput(
            target, candidates: market.candidates, risk: risk, signal: market.signal, source: market.source, time: now)
        return DecisionEngine(configuration(of: target, pipeline)).decide(input)
    }

    private func configuration(of target: DecisionInput.Target, _ pipeline: LabInstance?) -> DecisionConfiguration {
        if pipeline?.mode == .singleLinear { return .lab(thresholds) }
        guard case .cluster = target else { return .test(thresholds) }
        var omitted: Set<DecisionStage> = []
        if pipeline?.binPacking == false { omitted.insert(.binPacking) }
        if pipeline?.rightSizing == false { omitted.insert(.rightSizing) }
        return .production(thresholds).without(omitted)
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
