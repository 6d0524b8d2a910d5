import Modules

/// Every SQL statement about exports.
extension Transaction {
    /// - Returns: false while one is being made already.
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

    /// The one that was asked for last, unless its time is over.
    func latestExport(of person: ID<Person>) throws -> Export? {
        try first(
            Self.selectExport
                + "WHERE person_id = \(person) AND (state = 'preparing' OR expires_at > \(now)) ORDER BY requested_at DESC, id DESC LIMIT 1",
            Export.init
        )
    }

    func readyExport(tokenHash: String) throws -> Export? {
        try first(
            Self.selectExport + "WHERE token_hash = \(tokenHash) AND state = 'ready' AND expires_at > \(now)",
            Export.init)
    }

    func markExportReady(
        _ id: ID<Export>, fileName: String, bytes: Int64, tokenHash: String, sealedToken: String, expiresAt: Instant
    ) throws {
        try execute(
            """
            UPDATE privacy_exports
            SET state = 'ready', file_name = \(fileName), bytes = \(bytes), token_hash = \(tokenHash), sealed_token = \(sealedToken),
                ready_at = \(now), expires_at = \(expiresAt)
            WHERE id = \(id) AND state = 'preparing'
            """
        )
    }

    func markExportFailed(_ id: ID<Export>) throws {
        try execute("UPDATE privacy_exports SET state = 'failed' WHERE id = \(id) AND state = 'preparing'")
    }

    /// Older copies give way to a new one.
    func endReadyExports(of person: ID<Person>) throws {
        try execute(
            "UPDATE privacy_exports SET expires_at = \(now) WHERE person_id = \(person) AND state = 'ready' AND expires_at > \(now)"
        )
    }

    func exportsToClean(limit: Int) throws -> [Export] {
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
        "SELECT id, person_id, state, file_name, bytes, sealed_token, requested_at, ready_at, expires_at FROM privacy_exports\n"
    }
}

/// Every SQL statement about erasures.
extension Transaction {
    /// - Returns: false where one is scheduled already.
    func insertErasure(_ id: ID<Erasure>, of person: ID<Person>) throws -> Bool {
        try execute(
            """
            INSERT INTO privacy_erasures (id, person_id, requested_at, due_at)
            VALUES (\(id), \(person), \(now), \(now + Erasure.grace)) ON CONFLICT DO NOTHING
            """
        ) == 1
    }

    func erasure(of person: ID<Person>) throws -> Erasure? {
        try first(Self.selectErasure + "WHERE person_id = \(person)", Erasure.init)
    }

    /// The erasure, locked.
    func erasure(_ id: ID<Erasure>) throws -> Erasure? {
        try first(Self.selectErasure + "WHERE id = \(id) \(.forUpdate)", Erasure.init)
    }

    func dueErasures(limit: Int) throws -> [ID<Erasure>] {
        try all("SELECT id FROM privacy_erasures WHERE due_at <= \(now) ORDER BY due_at LIMIT \(limit)") {
            try $0["id"]
        }
    }

    /// - Returns: false where none was scheduled, or it has begun.
    func cancelErasure(of person: ID<Person>) throws -> Bool {
        try execute("DELETE FROM privacy_erasures WHERE person_id = \(person) AND begun_at IS NULL") == 1
    }

    func beginErasure(_ id: ID<Erasure>) throws {
        try execute("UPDATE privacy_erasures SET begun_at = \(now) WHERE id = \(id) AND begun_at IS NULL")
    }

    func postponeErasure(_ id: ID<Erasure>, by duration: Duration) throws {
        try execute("UPDATE privacy_erasures SET due_at = \(now + duration) WHERE id = \(id) AND begun_at IS NULL")
    }

    /// The organisations that have other members, and no owner beside this person.
    func organisationsOwnedAlone(by person: ID<Person>) throws -> Int64 {
        try count(
            """
            SELECT COUNT(*) AS count FROM memberships AS mine
            WHERE mine.person_id = \(person) AND mine.role = 'owner'
                AND EXISTS (SELECT 1 FROM memberships AS others WHERE others.organisation_id = mine.organisation_id AND others.person_id <> \(person))
                AND NOT EXISTS (
                    SELECT 1 FROM memberships AS others
                    WHERE others.organisation_id = mine.organisation_id AND others.person_id <> \(person) AND others.role = 'owner'
                )
            """
        )
    }

    /// A person with the organisations that nobody else belongs to.
    func dataSubject(_ person: ID<Person>) throws -> DataSubject {
        let organisations: [ID<Organisation>] = try all(
            """
            SELECT mine.organisation_id FROM memberships AS mine
            WHERE mine.person_id = \(person)
                AND NOT EXISTS (SELECT 1 FROM memberships AS others WHERE others.organisation_id = mine.organisation_id AND others.person_id <> \(person))
            ORDER BY mine.organisation_id
            """
        ) { try $0["organisation_id"] }
        return DataSubject(person: person, organisations: organisations)
    }

    private static var selectErasure: SQL {
        "SELECT id, person_id, requested_at, due_at, begun_at FROM privacy_erasures\n"
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
        requestedAt = try row["requested_at"]
        readyAt = try row["ready_at"]
        expiresAt = try row["expires_at"]
    }
}

extension Erasure {
    init(row: Row) throws {
        id = try row["id"]
        person = try row["person_id"]
        requestedAt = try row["requested_at"]
        dueAt = try row["due_at"]
        begunAt = try row["begun_at"]
    }
}
