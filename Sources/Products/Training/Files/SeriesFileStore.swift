import Identity
import Modules

/// The SQL of series files.
extension Transaction {
    func insert(_ file: SeriesFile) throws -> Bool {
        try execute(
            """
            INSERT INTO training_files
                (id, organisation_id, session_id, name, kind, digest, bytes, series_bytes, settings, report,
                 created_at)
            VALUES (\(file.id), \(file.organisation), \(file.session), \(file.name), \(file.kind), \(file.digest),
                    \(file.bytes), \(file.seriesBytes), \(try JSONColumn.encode(file.settings)),
                    \(try JSONColumn.encode(file.report)), \(now))
            ON CONFLICT DO NOTHING
            """
        ) == 1
    }

    func seriesFiles(of session: TrainingSession) throws -> [SeriesFile] {
        try all(
            Self.selectFile
                + "WHERE session_id = \(session.id) AND organisation_id = \(session.organisation) "
                + "ORDER BY created_at, id",
            SeriesFile.init
        )
    }

    func countSeriesFiles(of session: TrainingSession) throws -> Int {
        Int(
            try count(
                """
                SELECT COUNT(*) AS count FROM training_files
                WHERE session_id = \(session.id) AND organisation_id = \(session.organisation)
                """
            ))
    }

    func hasSeriesFile(of organisation: ID<Organisation>, since start: Instant) throws -> Bool {
        try first(
            """
            SELECT 1 AS found FROM training_files
            WHERE organisation_id = \(organisation) AND created_at > \(start) LIMIT 1
            """
        ) != nil
    }

    func seriesFile(_ id: ID<SeriesFile>, in scope: Scope) throws -> SeriesFile {
        guard
            let file = try first(
                Self.selectFile + "WHERE id = \(id) AND organisation_id = \(scope.organisation)", SeriesFile.init)
        else {
            throw Problem(.fileNotFound)
        }
        return file
    }

    func seriesFile(named name: String, _ kind: SeriesFile.Kind, of session: TrainingSession) throws -> SeriesFile? {
        try first(
            Self.selectFile
                + "WHERE session_id = \(session.id) AND organisation_id = \(session.organisation) "
                + "AND name = \(name) AND kind = \(kind)",
            SeriesFile.init
        )
    }

    func update(_ file: SeriesFile, settings: SeriesSettings) throws {
        try execute(
            """
            UPDATE training_files
            SET settings = \(try JSONColumn.encode(settings)), kind = \(settings.kind ?? file.kind)
            WHERE id = \(file.id) AND organisation_id = \(file.organisation)
            """
        )
    }

    /// - Returns: false where the file was deleted before.
    func delete(_ file: SeriesFile) throws -> Bool {
        try execute("DELETE FROM training_files WHERE id = \(file.id) AND organisation_id = \(file.organisation)") == 1
    }

    private static var selectFile: SQL {
        """
        SELECT id, organisation_id, session_id, name, kind, digest, bytes, series_bytes, settings, report,
               created_at
        FROM training_files

        """
    }
}

extension SeriesFile {
    init(row: Row) throws {
        id = try row["id"]
        organisation = try row["organisation_id"]
        session = try row["session_id"]
        name = try row["name"]
        kind = try row["kind"]
        digest = try row["digest"]
        bytes = try row["bytes"]
        seriesBytes = try row["series_bytes"]
        settings = try JSONColumn.decode(try row["settings"])
        report = try JSONColumn.decode(try row["report"])
        createdAt = try row["created_at"]
    }
}
