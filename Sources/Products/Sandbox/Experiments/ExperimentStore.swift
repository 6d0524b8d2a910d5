import Identity
import Modules
import SpotDecisions

/// The SQL of experiments and their archives.
extension Transaction {
    func insert(_ experiment: NewExperiment) throws {
        let outcome = experiment.outcome
        let selected = outcome.selected
        try execute(
            """
            INSERT INTO lab_experiments (id, organisation_id, instance_id, model_id, model_version, prediction_score,
                decision, execution_duration_ms, candidates_evaluated, selected_type, selected_zone, spot_price,
                on_demand_price, projected_savings, pipeline_mode, source, executed_at)
            VALUES (\(experiment.id), \(experiment.organisation), \(experiment.instance), \(experiment.model),
                \(experiment.version), \(selected?.crashProbability ?? outcome.crashProbability),
                \(Experiment.Decision(outcome.decision)), \(experiment.milliseconds),
                \(outcome.candidatesEvaluated), \(selected?.pool.instanceType), \(selected?.pool.availabilityZone),
                \(selected?.spotPrice), \(selected?.onDemandPrice), \(outcome.projectedHourlySavings),
                \(experiment.mode), \(outcome.source.rawValue), \(now))
            """
        )
    }

    /// The newest first.
    func experiments(of instance: String, in scope: Scope, limit: Int) throws -> [Experiment] {
        try all(
            Self.selectExperiment + """
                WHERE organisation_id = \(scope.organisation) AND instance_id = \(instance)
                ORDER BY executed_at DESC, id DESC LIMIT \(limit)
                """, Experiment.init)
    }

    func experimentTotals(of model: ID<LabModel>, in scope: Scope) throws -> ExperimentTotals.Sums? {
        try first(
            """
            SELECT COUNT(*) AS runs, COUNT(CASE WHEN decision = 'SWITCH' THEN 1 END) AS switches,
                COUNT(prediction_score) AS scored, COALESCE(SUM(prediction_score), 0.0) AS score,
                CAST(COALESCE(SUM(CASE WHEN decision = 'SWITCH' THEN projected_savings END), 0) AS \(.integer))
                    AS savings
            FROM lab_experiments WHERE organisation_id = \(scope.organisation) AND model_id = \(model)
            """, ExperimentTotals.Sums.init)
    }

    /// The organisation of the oldest run that is older than the retention.
    func organisationToArchive() throws -> ID<Organisation>? {
        try first(
            """
            SELECT organisation_id FROM lab_experiments WHERE executed_at < \(now - Experiment.retention)
            ORDER BY executed_at, id LIMIT 1
            """
        ) { try $0["organisation_id"] }
    }

    /// Runs that are older than the retention, the oldest first.
    func oldExperiments(of organisation: ID<Organisation>, limit: Int) throws -> [Experiment] {
        try all(
            Self.selectExperiment + """
                WHERE organisation_id = \(organisation) AND executed_at < \(now - Experiment.retention)
                ORDER BY executed_at, id LIMIT \(limit)
                """, Experiment.init)
    }

    /// - Returns: the number of deleted runs.
    func delete(_ experiments: [Experiment], of organisation: ID<Organisation>) throws -> Int {
        try execute(
            """
            DELETE FROM lab_experiments
            WHERE organisation_id = \(organisation) AND id IN \(list: experiments.map(\.id))
            """)
    }

    func insertArchive(
        _ id: ID<ExperimentArchive>, of organisation: ID<Organisation>, _ experiments: [Experiment], bytes: Int64
    ) throws {
        try execute(
            """
            INSERT INTO lab_archives (id, organisation_id, row_count, bytes, first_at, last_at, created_at)
            VALUES (\(id), \(organisation), \(experiments.count), \(bytes),
                \(experiments.first?.executedAt ?? now), \(experiments.last?.executedAt ?? now), \(now))
            """
        )
    }

    func experimentArchives(limit: Int) throws -> [ExperimentArchive] {
        try all(Self.selectArchive + "ORDER BY created_at DESC, id DESC LIMIT \(limit)", ExperimentArchive.init)
    }

    func experimentArchive(_ id: ID<ExperimentArchive>) throws -> ExperimentArchive? {
        try first(Self.selectArchive + "WHERE id = \(id)", ExperimentArchive.init)
    }

    private static var selectExperiment: SQL {
        """
        SELECT id, organisation_id, instance_id, model_id, model_version, prediction_score, decision,
            execution_duration_ms, candidates_evaluated, selected_type, selected_zone, spot_price, on_demand_price,
            projected_savings, pipeline_mode, source, executed_at
        FROM lab_experiments

        """
    }

    private static var selectArchive: SQL {
        "SELECT id, organisation_id, row_count, bytes, first_at, last_at, created_at FROM lab_archives "
    }
}
