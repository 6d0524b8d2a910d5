import Modules

// The SQL of exports.
extension Transaction {
    /// - Returns: false while another export of the person is being prepared.
    func insertExport(_ id: ID<Export>, of person: ID<Person>) throws -> Bool {
        try execute(
            """
            INSERT INTO privacy_exports (id, person_id, state, requested_at, expires_at)
            VALUES (\(id), \(person), 'preparing', \(now), \(now + Export.lifetime)) ON CONFLICT DO NOTHING
            """
        ) == 1
    }

    func export(_ id: ID<Export>) throws -> Export? {
        try first(Self.selectExport + "WHERE id = \(id)", Export.init)
    }

    /// The newest export that has not expired. One that is ready and that the person can no longer download counts as
    /// expired.
    func latestExport(of person: ID<Person>) throws -> Export? {
        let export = try first(
            Self.selectExport
                + """
                WHERE person_id = \(person) AND (state = 'preparing' OR expires_at > \(now))
                ORDER BY requested_at DESC, id DESC LIMIT 1
                """,
            Export.init
        )
        guard let export, export.state == .ready else { return export }
        return try self.person(person).map(export.isOpen(to:)) ?? false ? export : nil
    }

    func readyExport(tokenHash: String) throws -> Export? {
        try first(
            Self.selectExport + "WHERE token_hash = \(tokenHash) AND state = 'ready' AND expires_at > \(now)",
            Export.init)
    }

    func markExportReady(
        _ id: ID<Export>, fileName: String, bytes: Int64, tokenHash: String, sealedToken: String, accountMark: String,
        expiresAt: Instant
    ) throws {
        try execute(
            """
            UPDATE privacy_exports
            SET state = 'ready', file_name = \(fileName), bytes = \(bytes), token_hash = \(tokenHash),
                sealed_token = \(sealedToken), account_mark = \(accountMark), ready_at = \(now),
                expires_at = \(expiresAt)
            WHERE id = \(id) AND state = 'preparing'
            """
        )
    }

    func markExportFailed(_ id: ID<Export>) throws {
        try execute("UPDATE privacy_exports SET state = 'failed' WHERE id = \(id) AND state = 'preparing'")
    }

    /// Expires the person's ready exports when a new one replaces them.
    func expireReadyExports(of person: ID<Person>) throws {
        try execute(
            """
            UPDATE privacy_exports SET expires_at = \(now)
            WHERE person_id = \(person) AND state = 'ready' AND expires_at > \(now)
            """
        )
    }

    func expiredExports(limit: Int) throws -> [Export] {
        try all(
            Self.selectExport
                + "WHERE expires_at <= \(now) AND state <> 'preparing' ORDER BY expires_at LIMIT \(limit)", Export.init)
    }

    func exports(of person: ID<Person>) throws -> [Export] {
        try all(Self.selectExport + "WHERE person_id = \(person) ORDER BY id", Export.init)
    }

    func deleteExport(_ id: ID<Export>) throws {
        try execute("DELETE FROM privacy_exports WHERE id = \(id)")
    }

    private static var selectExport: SQL {
        """
        SELECT id, person_id, state, file_name, bytes, sealed_token, account_mark, requested_at, ready_at, expires_at
        FROM privacy_exports

        """
    }
}

extension ExportView.State: SQLReadable {}

extension Export {
    init(row: Row) throws {
        id = try row["id"]
        person = try row["person_id"]
        state = try row["state"]
        fileName = try row["file_name"]
        bytes = try row["bytes"]
        sealedToken = try row["sealed_token"]
        accountMark = try row["account_mark"]
        requestedAt = try row["requested_at"]
        readyAt = try row["ready_at"]
        expiresAt = try row["expires_at"]
    }
}
