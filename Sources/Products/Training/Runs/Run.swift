import Entitlements
import Identity
import Modules

/// One generation of datasets or training of a model, paid for by a reservation.
struct Run: Sendable {
    enum Kind: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        case datasets, training
    }

    enum State: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        case queued, running, succeeded, failed, cancelled

        var isFinished: Bool { self != .queued && self != .running }
    }

    let id: ID<Run>
    let organisation: ID<Organisation>
    let session: ID<TrainingSession>
    let kind: Kind
    private(set) var state: State
    /// Identifies the request within the organisation: from the client's idempotency key, or the run's id.
    let operation: String
    /// The hash of the request; the same operation with another fingerprint is a conflict.
    let fingerprint: String
    /// The payload, as JSON.
    let request: String
    private(set) var result: String?
    private(set) var error: String?
    /// The code of the server's problem by which the run failed, such as `storage-full`; nil where its data, its
    /// settings or its model are the reason.
    private(set) var errorCode: String?
    /// The attempt whose folder holds the results; nil until the run has succeeded.
    private(set) var attempt: Int64?
    /// The storage that the run occupies: what it may take until it has succeeded, then what its files take; none once
    /// it has failed or its files are replaced.
    let storageBytes: Int64
    let reservation: ID<Reservation>
    let job: ID<QueuedJob>
    let startedBy: ID<Person>
    let createdAt: Instant
    private(set) var finishedAt: Instant?

    init(row: Row) throws {
        id = try row["id"]
        organisation = try row["organisation_id"]
        session = try row["session_id"]
        kind = try row["kind"]
        state = try row["state"]
        operation = try row["operation_key"]
        fingerprint = try row["fingerprint"]
        request = try row["request"]
        result = try row["result"]
        error = try row["error"]
        errorCode = try row["error_code"]
        attempt = try row["attempt"]
        storageBytes = try row["storage_bytes"]
        reservation = try row["reservation_id"]
        job = try row["job_id"]
        startedBy = try row["started_by"]
        createdAt = try row["created_at"]
        finishedAt = try row["finished_at"]
    }
}
