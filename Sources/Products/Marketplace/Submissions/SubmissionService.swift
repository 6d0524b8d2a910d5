import Audit
import Identity
import Modules

/// Stores the forms of visitors, at most ``SubmissionKind/dailyMax`` of each kind a day, and lists them.
final class SubmissionService: Sendable {
    private let database: any Database
    private let audit: AuditService
    private let runtime: Runtime

    init(database: any Database, audit: AuditService, runtime: Runtime) {
        self.database = database
        self.audit = audit
        self.runtime = runtime
    }

    /// - Throws: `validation-failed`; `submissions-full`.
    func submit(_ kind: SubmissionKind, _ body: NewSubmission, from client: ClientInfo) async throws(Problem)
        -> SubmissionReceived
    {
        try body.check()
        let id: ID<Submission> = runtime.id()
        try await database.write { [audit] transaction in
            guard try transaction.countSubmission(kind) else {
                throw Problem(.submissionsFull, headers: ["Retry-After": "3600"])
            }
            try transaction.insertSubmission(id, kind, body)
            try audit.record(
                AuditEvent("crud_create", from: client, subjectKind: kind.rawValue, subject: id.text),
                in: transaction)
        }
        return SubmissionReceived(success: true, message: "Thank you. We have received your message.")
    }

    /// The newest first, for administrators.
    func list(_ kind: SubmissionKind, limit: Int, offset: Int) async throws(Problem) -> Page<SubmissionView> {
        try await database.read { transaction in
            let (rows, total) = try transaction.submissions(kind, limit: limit, offset: offset)
            return Page(data: rows.map { SubmissionView($0) }, total: total, limit: limit, offset: offset)
        }
    }

    /// - Throws: `not-found`.
    func delete(_ kind: SubmissionKind, _ id: ID<Submission>, scope: Scope) async throws(Problem) -> ResourceDeleted {
        try await database.write { [audit] transaction in
            try transaction.requireCaller(scope, as: .admin)
            guard try transaction.deleteSubmission(id, kind) else { throw Problem(.notFound) }
            try audit.record(
                AuditEvent("crud_delete", by: scope, subjectKind: kind.rawValue, subject: id.text), in: transaction)
        }
        return ResourceDeleted(id.text)
    }
}

/// The SQL of the forms of visitors.
extension Transaction {
    /// Counts a form of today by one guarded statement.
    /// - Returns: false where the day is full.
    fileprivate func countSubmission(_ kind: SubmissionKind) throws -> Bool {
        try execute(
            """
            INSERT INTO marketplace_submission_counts (kind, day, count) VALUES (\(kind), \(CalendarDate(now)), 1)
            ON CONFLICT (kind, day) DO UPDATE SET count = marketplace_submission_counts.count + 1
            WHERE marketplace_submission_counts.count < \(SubmissionKind.dailyMax)
            """
        ) == 1
    }

    fileprivate func insertSubmission(_ id: ID<Submission>, _ kind: SubmissionKind, _ body: NewSubmission) throws {
        let data = body.members.filter { $0.key != "email" }
        try execute(
            """
            INSERT INTO marketplace_submissions (id, kind, email, email_key, data, created_at)
            VALUES (\(id), \(kind), \(body.email), \(body.email.lowercased()), \(try StoredJSON.text(.object(data))),
                    \(now))
            """
        )
    }

    fileprivate func submissions(
        _ kind: SubmissionKind, limit: Int, offset: Int
    ) throws -> (rows: [Submission], total: Int64) {
        let rows = try all(
            """
            SELECT * FROM marketplace_submissions WHERE kind = \(kind)
            ORDER BY created_at DESC, id DESC LIMIT \(limit) OFFSET \(offset)
            """,
            Submission.init)
        return (rows, try count("SELECT COUNT(*) AS count FROM marketplace_submissions WHERE kind = \(kind)"))
    }

    fileprivate func deleteSubmission(_ id: ID<Submission>, _ kind: SubmissionKind) throws -> Bool {
        try execute("DELETE FROM marketplace_submissions WHERE id = \(id) AND kind = \(kind)") == 1
    }
}
