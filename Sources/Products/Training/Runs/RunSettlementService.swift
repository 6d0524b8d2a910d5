import Audit
import Entitlements
import Files
import Identity
import Modules
import Webhooks

/// Extends the reservation of a run that starts, and settles the reservation and the storage of a run that ends, or
/// whose reservation's lease ends.
final class RunSettlementService: Sendable {
    let quotas: QuotaService
    let storage: StorageQuotaService
    let audit: AuditService
    let events: RunEventService
    let webhooks: WebhookService

    /// The name under which ``resolve(_:in:)`` is registered; it is stored with each reservation.
    static let resolver = "training.runs"

    init(
        quotas: QuotaService, storage: StorageQuotaService, audit: AuditService, events: RunEventService,
        webhooks: WebhookService
    ) {
        self.quotas = quotas
        self.storage = storage
        self.audit = audit
        self.events = events
        self.webhooks = webhooks
    }

    /// Called when the lease of a run's reservation ends. An unfinished run, which may wait or compute for a day, keeps
    /// its unit; a finished run has settled its reservation already.
    static func resolve(_ reservation: Reservation, in transaction: Transaction) throws -> Reservation.Resolution {
        let run = try transaction.run(ofOperation: reservation.operation, in: reservation.organisation)
        return run?.state.isFinished == false ? .inProgress(QuotaService.lease) : .unused
    }

    /// Marks the run of a job as running, and extends the lease of its reservation.
    /// - Returns: nil where the run is finished.
    func begin(_ job: some RunJob, in transaction: Transaction) throws -> (Run, TrainingSession)? {
        guard let run = try transaction.run(job.run, of: job.organisation), try transaction.begin(run),
            let session = try transaction.trainingSession(run.session, of: job.organisation)
        else { return nil }
        try quotas.extend(run.reservation, in: transaction)
        return (run, session)
    }

    /// Settles what was reserved for a run that has succeeded in this transaction: commits the unit, and replaces the
    /// storage that the run might take by what its files take.
    ///
    /// Called after the session's row is changed: uploads lock the session before the storage, too.
    func settle(_ run: Run, storageBytes: Int64, in transaction: Transaction) throws {
        try quotas.commit(run.reservation, in: transaction)
        try storage.settle(
            allocated: run.storageBytes, actual: storageBytes, of: run.organisation, in: transaction)
        try audit.record(
            AuditEvent(
                "run.succeeded", actor: run.startedBy.text, organisation: run.organisation.text,
                subject: run.id.text, details: ["kind": run.kind.rawValue]),
            in: transaction
        )
        try webhooks.emit(.runFinished, of: run.organisation, FinishedRun(run, as: .succeeded), in: transaction)
    }

    /// Releases the storage of finished runs whose files are removed.
    func releaseStorage(
        ofRuns runs: [ID<Run>], of organisation: ID<Organisation>, in transaction: Transaction
    ) throws {
        let bytes = try transaction.takeStorage(ofRuns: runs, in: organisation)
        if bytes > 0 { try storage.release(bytes: bytes, of: organisation, in: transaction) }
    }

    /// Ends a run without a result: stores the reason, releases the reservation and the storage, and moves the session
    /// back to the phase of its latest result.
    func abandon(
        _ id: ID<Run>, of organisation: ID<Organisation>, _ abandonment: JobAbandonment, in transaction: Transaction
    ) throws {
        guard let run = try transaction.run(id, of: organisation) else { return }
        let (state, reason, code): (Run.State, String?, String?) =
            switch abandonment {
            case .failed(let reason): (.failed, reason, nil)
            case .exhausted(let code, _): (.failed, Self.sentence(code), code)
            case .poisoned:
                (.failed, "The process ended repeatedly during the run.", Problem.Kind.internalError.code)
            case .cancelled: (.cancelled, nil, nil)
            }
        guard try transaction.end(run, as: state, error: reason, code: code) else { return }
        try quotas.release(run.reservation, in: transaction)
        if state == .failed {
            let details = ["kind": run.kind.rawValue]
            try audit.record(
                AuditEvent(
                    "run.failed", outcome: .failure, actor: run.startedBy.text, organisation: organisation.text,
                    subject: id.text, details: details),
                in: transaction
            )
        }
        try webhooks.emit(
            .runFinished, of: organisation, FinishedRun(run, as: state, error: reason), in: transaction)
        let session = try transaction.trainingSession(run.session, of: organisation)
        let models = try session.map { try transaction.models(of: $0).count } ?? 0
        try transaction.move(
            run.session, of: organisation, to: models > 0 ? .phase4 : session?.datasetRun == nil ? .upload : .phase2)
        try storage.release(bytes: run.storageBytes, of: organisation, in: transaction)
        if let session { try events.failed(run, of: session.clientID, reason: reason, in: transaction) }
    }

    /// The text of a server's error may name files or types; the log and the job keep it.
    private static func sentence(_ code: String) -> String {
        code == Problem.Kind.storageFull.code
            ? "The server's disk was full. Start the run again later."
            : "The server could not complete the run. Start it again later."
    }
}

extension WebhookEventType {
    static let runFinished = WebhookEventType(
        "training_run.finished", "A generation of datasets or a training has succeeded, failed or been cancelled.")
}

/// The data of `training_run.finished`.
struct FinishedRun: Payload {
    let id: ID<Run>
    let sessionId: String
    let kind: Run.Kind
    let state: Run.State
    /// Why the run has failed.
    let error: String?

    init(_ run: Run, as state: Run.State, error: String? = nil) {
        id = run.id
        sessionId = run.session.text
        kind = run.kind
        self.state = state
        self.error = error
    }
}
