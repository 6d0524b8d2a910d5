import Entitlements
import Files
import HTTPTypes
import Identity
import Modules
import Rates

/// The endpoints of runs: generate datasets, train a model, get the status, cancel.
struct RunRoutes: Sendable {
    let runs: RunService
    let results: ResultService
    let member: Member
    let entitlements: EntitlementsModule

    var routes: [Route] {
        // Independent of the quota, because each request reads files and enqueues a job.
        let rate = entitlements.rate("training-runs", .perMinute(30))
        return [
            .post(
                "training/generate-datasets/{session}",
                "Generate the datasets of a session",
                requires: member.allowing(.training), entitlements.subscription,
                entitlements.quota(.processing), .path("session"), .header(.prefer),
                .header(.idempotencyKey),
                problems: [
                    .sessionNotFound, .trainingInProgress, .operationConflict, .generationFailed, .storageExceeded,
                    .storageFull,
                ]
            ) { (request: GenerateDatasets, scope, snapshot, charge, session, prefer, key) in
                try await datasets(request, scope, snapshot, charge, session, prefer, key)
            }.guarded(by: rate),
            .post(
                "training/train-models/{session}",
                "Train a model on the datasets of a session",
                requires: member.allowing(.training), entitlements.subscription,
                entitlements.feature(.training), entitlements.quota(.trainingRuns),
                .path("session"),
                .header(.idempotencyKey),
                problems: [
                    .sessionNotFound, .datasetNotReady, .trainingInProgress, .operationConflict, .modelNotAvailable,
                    .storageExceeded,
                ]
            ) { (request: TrainModels, scope, snapshot, _, charge, session, key) in
                try await runs.train(
                    request, scope: scope, snapshot: snapshot, charge: charge, session: session, key: key)
            }.guarded(by: rate),
            .post(
                "training/cancellation/{session}",
                "Cancel the unfinished run of a session",
                requires: member.allowing(.training), .path("session"),
                problems: [.sessionNotFound, .resultsNotFound]
            ) { try await runs.cancel(scope: $0, session: $1) },
            .get(
                "training/status/{session}", "Get the status of a session's latest run",
                requires: member.allowing(.training), .path("session"),
                problems: [.sessionNotFound]
            ) {
                try await runs.status(scope: $0, session: $1)
            },
        ]
    }

    /// Returns the datasets where they are generated within ``RunService/waitMax``, else 202 with the URL of the
    /// status.
    private func datasets(
        _ request: GenerateDatasets,
        _ scope: Scope,
        _ snapshot: EntitlementSnapshot,
        _ charge: Charge,
        _ session: String,
        _ prefer: String?,
        _ key: String?
    ) async throws -> Either<DatasetsGenerated, Accepted<RunAccepted>> {
        let (id, ticket) = try await runs.generate(
            request, scope: scope, snapshot: snapshot, charge: charge, session: session, key: key)
        let isAsynchronous = prefer?.lowercased().contains("respond-async") ?? false
        guard !isAsynchronous, let run = try await runs.end(of: id, scope: scope) else {
            return .second(Accepted(ticket, follow: ticket.statusUrl))
        }
        guard run.state == .succeeded else {
            let detail = run.error ?? "The run was cancelled."
            switch run.errorCode {
            case nil: throw Problem(.generationFailed, detail: detail)
            case Problem.Kind.storageFull.code:
                throw Problem(.storageFull, detail: detail, headers: ["Retry-After": "60"])
            default: throw Problem(.internalError, detail: detail)
            }
        }
        return .first(try await results.generated(run))
    }
}
