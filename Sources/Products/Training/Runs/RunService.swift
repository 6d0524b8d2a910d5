import Audit
import Entitlements
import Forecasting
import Foundation
import Identity
import Modules
import Secrets

/// Starts, observes and cancels runs. One transaction inserts the run, its reservation, its job and its audit row.
final class RunService: Sendable {
    let database: any Database
    let quotas: QuotaService
    let storage: StorageQuotaService
    let settlement: RunSettlementService
    let events: RunEventService
    let queue: JobQueue
    let audit: AuditService
    let runtime: Runtime

    /// How long `generate-datasets` waits for the run before it responds with 202.
    static let waitMax: Duration = .seconds(20)

    /// The number of times that a failing run is attempted.
    static let attemptsMax = 3

    /// The largest storage of a run, in bytes.
    private static let storageBytesMax = 2 * StorageBound.arrayBytesMax

    init(
        database: any Database, quotas: QuotaService, storage: StorageQuotaService, settlement: RunSettlementService,
        events: RunEventService, queue: JobQueue, audit: AuditService, runtime: Runtime
    ) {
        self.database = database
        self.quotas = quotas
        self.storage = storage
        self.settlement = settlement
        self.events = events
        self.queue = queue
        self.audit = audit
        self.runtime = runtime
    }

    /// Starts a run that generates the datasets of a session.
    /// - Parameter key: the `Idempotency-Key` header. A repeated key with the same payload returns the earlier run.
    /// - Throws: `session-not-found`, `training-in-progress`, `operation-conflict`, `validation-failed`,
    ///   `storage-exceeded`.
    func generate(
        _ request: GenerateDatasets,
        scope: Scope,
        snapshot: EntitlementSnapshot,
        charge: Charge,
        session name: String,
        key: String?
    ) async throws(Problem) -> (run: ID<Run>, ticket: RunAccepted) {
        let split = try (request.trainingSplit ?? TrainingSplit()).split()
        try request.checkGap()
        return try await start(
            .datasets, scope: scope, snapshot: snapshot, charge: charge, session: name, key: key, request: request
        ) { [queue] transaction, session in
            let bytes = try Self.checkedRecipe(session, split, in: transaction)
            try RunChecks.requireCounts(split, of: session, in: transaction)
            try transaction.move(session.id, of: session.organisation, to: .phase1)
            return Preparation(storageBytes: bytes) {
                try queue.enqueue(
                    DatasetGenerationJob(run: $0, organisation: session.organisation), Self.jobOptions(scope),
                    in: transaction)
            }
        }
    }

    /// Starts a run that trains a model on the datasets of a session.
    /// - Throws: `session-not-found`, `operation-conflict`, `dataset-not-ready`, `training-in-progress`,
    ///   `model-not-available`, `validation-failed`, `storage-exceeded`.
    func train(
        _ request: TrainModels, scope: Scope, snapshot: EntitlementSnapshot, charge: Charge, session name: String,
        key: String?
    ) async throws(Problem) -> Accepted<RunAccepted> {
        let split = try request.trainingSplit?.split()
        let parameters = request.modelParameters.forecast
        guard parameters.mode.isAvailable else {
            throw Problem(
                .modelNotAvailable,
                detail: "\(parameters.mode.rawValue) is not implemented. Use one of `available`.",
                members: [
                    "available": .array(ForecastMode.available.map { .string($0.rawValue) }),
                    "errors": [["pointer": "/model_parameters/MODE", "detail": "is not available"]],
                ]
            )
        }
        let (_, ticket) = try await start(
            .training, scope: scope, snapshot: snapshot, charge: charge, session: name, key: key, request: request
        ) { [queue] transaction, session in
            guard let (_, datasets) = try transaction.datasets(of: session) else {
                throw Problem(
                    .datasetNotReady,
                    detail: "Generate them first: POST /v1/training/generate-datasets/\(session.clientID).")
            }
            do {
                try parameters.validate(for: datasets.shape)
            } catch let fault as ModelFault {
                throw Problem.invalid(fault.pointer, fault.message)
            }
            try RunChecks.requireCurrent(datasets, session, in: transaction)
            if let split { try RunChecks.requireCounts(split, of: datasets.count) }
            try transaction.move(session.id, of: session.organisation, to: .phase3)
            var bytes = StorageBound.model(parameters, datasets.shape)
            // Another split makes the run generate datasets of its own.
            if let split, split != datasets.recipe.split {
                bytes += StorageBound.datasets(count: datasets.count, datasets.shape)
            }
            return Preparation(storageBytes: bytes) {
                var options = Self.jobOptions(scope)
                // A linear model reads the datasets once, as their generation writes them once.
                if parameters.mode == .linear { options.lane = .short }
                return try queue.enqueue(
                    TrainingRunJob(run: $0, organisation: session.organisation), options, in: transaction)
            }
        }
        return Accepted(ticket, follow: ticket.statusUrl)
    }

    /// Cancels the session's unfinished run and releases its reservation: at once where the job has not started, else
    /// when the worker stops.
    func cancel(scope: Scope, session name: String) async throws(Problem) -> RunStatus {
        let run = try await database.write { [self] transaction in
            let session = try transaction.trainingSession(name, in: scope)
            guard let run = try transaction.unfinishedRun(of: session) else {
                throw Problem(.resultsNotFound, title: "The session has no unfinished run")
            }
            try cancel(run, as: AuditEvent("run.cancelled", by: scope, subject: run.id.text), in: transaction)
            return run
        }
        return try await status(of: run.id, scope)
    }

    /// Cancels an unfinished run and records `event`.
    func cancel(_ run: Run, as event: AuditEvent, in transaction: Transaction) throws {
        // A leased job releases the reservation when its worker stops; otherwise no worker would.
        if try queue.cancel(run.job, in: transaction) != .leased {
            try settlement.abandon(run.id, of: run.organisation, .cancelled, in: transaction)
        }
        try audit.record(event, in: transaction)
    }

    /// The status of the session's latest run; `not_found` where there is none.
    func status(scope: Scope, session name: String) async throws(Problem) -> RunStatus {
        let run = try await database.read { transaction in
            try transaction.latestRun(of: try transaction.trainingSession(name, in: scope))
        }
        guard let run else { return RunStatus(status: .notFound, progress: 0) }
        return try await status(of: run.id, scope)
    }

    /// Waits for the end of a run, at most ``waitMax``.
    /// - Returns: nil where the run is unfinished by then.
    func end(of run: ID<Run>, scope: Scope) async throws(Problem) -> Run? {
        let read: @Sendable (Transaction) throws -> Run? = { try $0.run(run, of: scope.organisation) }
        guard let job = try await database.read(read)?.job else { return nil }
        _ = try await queue.end(of: job, within: Self.waitMax, in: database)
        // The run ends in the transaction that ends its job.
        guard let ended = try await database.read(read), ended.state.isFinished else { return nil }
        return ended
    }

    private func status(of id: ID<Run>, _ scope: Scope) async throws(Problem) -> RunStatus {
        try await database.read { [queue] transaction in
            guard let run = try transaction.run(id, of: scope.organisation) else {
                return RunStatus(status: .notFound, progress: 0)
            }
            return RunStatus(run, job: try queue.status(of: run.job, in: transaction))
        }
    }

    private static func jobOptions(_ scope: Scope) -> JobOptions {
        JobOptions(organisation: scope.organisation.text, maximumAttempts: attemptsMax)
    }

    /// What a run needs beside its row.
    private struct Preparation {
        /// What the run may write, in bytes.
        let storageBytes: Int64
        let enqueue: (ID<Run>) throws -> ID<QueuedJob>
    }

    /// Inserts a run with its reservation, storage, job and audit row, or returns the earlier run of the operation.
    private func start(
        _ kind: Run.Kind,
        scope: Scope,
        snapshot: EntitlementSnapshot,
        charge: Charge,
        session name: String,
        key: String?,
        request: some Payload,
        prepare: @escaping @Sendable (Transaction, TrainingSession) throws -> Preparation
    ) async throws(Problem) -> (run: ID<Run>, ticket: RunAccepted) {
        let id: ID<Run> = runtime.id()
        let text = try await Problem.catching { try JSONColumn.encode(request) }
        let operation = key.map { charge.operation(key: $0) } ?? "run:\(id)"
        return try await database.write { [quotas, storage, queue, audit, events] transaction in
            let session = try transaction.lockedTrainingSession(name, in: scope)
            let fingerprint = Digest.hex("\(kind.rawValue) \(session.id) \(text)")
            if let earlier = try transaction.run(ofOperation: operation, in: scope.organisation) {
                guard earlier.fingerprint == fingerprint else { throw Problem(.operationConflict) }
                return (
                    earlier.id,
                    RunAccepted(
                        earlier.id, job: earlier.job, session: session,
                        message: "The run was accepted by an earlier request")
                )
            }
            guard try transaction.unfinishedRun(of: session) == nil else {
                throw Problem(.trainingInProgress, detail: "Wait until it ends, or cancel it.")
            }
            let preparation = try prepare(transaction, session)
            let terms = Reservation.Terms(onExpiry: .resolve(RunSettlementService.resolver))
            let reservation = try quotas.reserve(
                charge, operation: operation, fingerprint: fingerprint, terms: terms, in: transaction)
            // A larger run fails before it writes so much, but is refused with what it would take.
            if preparation.storageBytes > Self.storageBytesMax {
                try storage.check(bytes: preparation.storageBytes, of: snapshot, in: transaction)
            }
            let storageBytes = min(preparation.storageBytes, Self.storageBytesMax)
            try storage.allocate(bytes: storageBytes, of: snapshot, in: transaction)
            let job = try preparation.enqueue(id)
            try transaction.insert(
                .init(
                    id: id,
                    session: session,
                    kind: kind,
                    operation: operation,
                    fingerprint: fingerprint,
                    request: text,
                    storageBytes: storageBytes,
                    reservation: reservation,
                    job: job,
                    startedBy: scope.person
                )
            )
            try audit.record(
                AuditEvent("run.started", by: scope, subject: id.text, details: ["kind": kind.rawValue]),
                in: transaction)
            if scope.impersonator != nil, let impersonation = scope.session {
                try queue.enqueue(
                    ImpersonatedRunJob(run: id, organisation: session.organisation, session: impersonation),
                    JobOptions(organisation: scope.organisation.text), in: transaction)
            }
            let parameters = (request as? TrainModels)?.modelParameters.forecast
            try events.queued(id, kind, of: session, model: parameters.map { .init($0) }, in: transaction)
            return (
                id,
                RunAccepted(
                    id, job: job, session: session,
                    message: kind == .datasets ? "Datasets are being generated" : "Training has started")
            )
        }
    }

    /// Validates the session's files and settings before a unit is reserved.
    /// - Returns: the largest size of the datasets, in bytes.
    private static func checkedRecipe(_ session: TrainingSession, _ split: DatasetSplit, in transaction: Transaction)
        throws -> Int64
    {
        let files = try transaction.seriesFiles(of: session)
        guard let steps = session.steps else {
            throw Problem.invalid("/zeitschritte", "has not been set: POST /v1/training/save-zeitschritte")
        }
        for kind in SeriesFile.Kind.allCases where !files.contains(where: { $0.kind == kind }) {
            throw Problem.invalid("/files", "the session has no file of type \(kind.rawValue)")
        }
        // The validation does not open the files, so any URL will do.
        let recipe = SessionRecipe(session: session, files: files, steps: steps).recipe(split: split) { _ in
            URL(filePath: "/")
        }
        if let fault = recipe.fault { throw Problem.invalid(fault.field ?? "", fault.message) }
        let times = files.filter { $0.kind == .input }.map {
            (first: $0.report.statistics.first, last: $0.report.statistics.last)
        }
        return StorageBound.datasets(recipe, inputTimes: times)
    }
}

extension DatasetRecipe {
    /// The first error of the validation; nil where the recipe is valid.
    fileprivate var fault: DatasetFault? {
        do { try validate() } catch { return error }
        return nil
    }
}

extension ModelFault {
    /// The JSON pointer of the parameter in the payload of `train-models`.
    fileprivate var pointer: String {
        let names = ["/layers": "LAY", "/neurons": "N", "/epochs": "EP", "/mode": "MODE"]
        return field.flatMap { names[$0] }.map { "/model_parameters/\($0)" } ?? "/model_parameters"
    }
}

extension RunStatus {
    init(_ run: Run, job: JobStatus?) {
        status =
            switch run.state {
            case .queued: .queued
            case .running: .running
            case .succeeded: .completed
            case .failed: .failed
            case .cancelled: .cancelled
            }
        kind = run.kind
        progress = run.state == .succeeded ? 100 : job?.percent ?? 0
        currentStep = job?.phase
        message = job?.message
        error = run.error
        runId = run.id
        createdAt = run.createdAt
        completedAt = run.finishedAt
    }
}
