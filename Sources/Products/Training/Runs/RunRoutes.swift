import Entitlements
import HTTPTypes
import Identity
import Modules
import Rates

extension TrainingModule {
    /// Making datasets, training models, and following both.
    var runRoutes: [Route] {
        // Whatever is left of a plan's units: each of these makes files be read and a job be queued.
        let pace = entitlements.rate("training-runs", .perMinute(30))
        return [
            .post(
                "training/generate-datasets/{session}",
                "Make a session's datasets",
                requires: identity.member.allowing(.training), entitlements.subscription,
                entitlements.quota(.processing), .path("session"), .header(.prefer),
                .header(.idempotencyKey),
                problems: [.sessionNotFound, .trainingInProgress, .operationConflict, .generationFailed]
            ) { (request: GenerateDatasets, scope, _, charge, session, prefer, key) in
                try await datasets(request, scope, charge, session, prefer, key)
            }.guarded(by: pace),
            .post(
                "training/train-models/{session}",
                "Train a model on a session's datasets",
                requires: identity.member.allowing(.training), entitlements.subscription,
                entitlements.feature(.training), entitlements.quota(.trainingRuns),
                .path("session"),
                .header(.idempotencyKey),
                problems: [
                    .sessionNotFound, .datasetNotReady, .trainingInProgress, .operationConflict, .modelNotAvailable,
                ]
            ) { (request: TrainModels, scope, _, _, charge, session, key) in
                try await runs.train(request, scope: scope, charge: charge, session: session, key: key)
            }.guarded(by: pace),
            .post(
                "training/cancellation/{session}",
                "Call the run of a session off",
                requires: identity.member.allowing(.training), .path("session"),
                problems: [.sessionNotFound, .resultsNotFound]
            ) { try await runs.cancel(scope: $0, session: $1) },
            .get(
                "training/status/{session}", "How a session's latest run stands",
                requires: identity.member.allowing(.training), .path("session"),
                problems: [.sessionNotFound]
            ) {
                try await runs.status(scope: $0, session: $1)
            },
        ]
    }

    /// The datasets themselves when they are made soon enough, else the job to follow.
    private func datasets(
        _ request: GenerateDatasets,
        _ scope: Scope,
        _ charge: Charge,
        _ session: String,
        _ prefer: String?,
        _ key: String?
    ) async throws -> Either<DatasetsGenerated, Accepted<RunTicket>> {
        let (id, ticket) = try await runs.generate(request, scope: scope, charge: charge, session: session, key: key)
        let isAsynchronous = prefer?.lowercased().contains("respond-async") ?? false
        guard !isAsynchronous, let run = try await runs.end(of: id, scope: scope) else {
            return .second(Accepted(ticket, follow: ticket.statusUrl))
        }
        guard run.state == .succeeded else {
            throw Problem(.generationFailed, detail: run.error ?? "The run was cancelled.")
        }
        return .first(try await results.generated(run))
    }
}

extension Problem.Kind {
    static let generationFailed = Self("generation-failed", "The datasets could not be generated", status: 422)
}
