import Identity
import Modules

/// The SQL of uploads and their chunks.
extension Transaction {
    func insertUpload(
        _ id: ID<Upload>, of session: TrainingSession, _ description: ChunkDescription, kind: SeriesFile.Kind,
        impersonation: ID<Session>?
    ) throws {
        try execute(
            """
            INSERT INTO training_uploads
                (id, organisation_id, session_id, file_name, kind, chunk_count, series_bytes, impersonation_id,
                 created_at)
            VALUES (\(id), \(session.organisation), \(session.id), \(description.fileName), \(kind),
                    \(description.totalChunks), 0, \(impersonation), \(now))
            ON CONFLICT DO NOTHING
            """
        )
    }

    func upload(of session: TrainingSession, named name: String, kind: SeriesFile.Kind) throws -> Upload? {
        try first(
            Self.selectUpload
                + "WHERE session_id = \(session.id) AND organisation_id = \(session.organisation) "
                + "AND file_name = \(name) AND kind = \(kind)",
            Upload.init
        )
    }

    func uploads(of session: TrainingSession) throws -> [Upload] {
        try all(
            Self.selectUpload + "WHERE session_id = \(session.id) AND organisation_id = \(session.organisation)",
            Upload.init)
    }

    func uploads(begunUnder impersonation: ID<Session>, of organisation: ID<Organisation>) throws -> [Upload] {
        try all(
            Self.selectUpload
                + "WHERE impersonation_id = \(impersonation) AND organisation_id = \(organisation) ORDER BY id",
            Upload.init)
    }

    /// Locks the upload's row until the end of the transaction, so that concurrent chunks are counted one after the
    /// other.
    /// - Returns: false where the upload has been completed or deleted.
    func lock(_ upload: Upload) throws -> Bool {
        try first(
            """
            SELECT id FROM training_uploads
            WHERE id = \(upload.id) AND organisation_id = \(upload.organisation) \(.forUpdate)
            """
        ) != nil
    }

    func isAssembling(_ upload: Upload) throws -> Bool {
        try first("SELECT id FROM training_uploads WHERE id = \(upload.id) AND assembling_until >= \(now)") != nil
    }

    /// - Returns: the size of a received chunk, in bytes; nil where it has not been received.
    func chunkBytes(at position: Int64, of upload: Upload) throws -> Int64? {
        try first("SELECT bytes FROM training_chunks WHERE upload_id = \(upload.id) AND position = \(position)") {
            try $0["bytes"]
        }
    }

    func deleteChunk(_ position: Int64, of upload: Upload) throws {
        try execute("DELETE FROM training_chunks WHERE upload_id = \(upload.id) AND position = \(position)")
    }

    /// The total size of the chunks of an upload, except the one at `position`, in bytes.
    func chunkBytes(of upload: Upload, except position: Int64) throws -> Int64 {
        try count(
            """
            SELECT CAST(COALESCE(SUM(bytes), 0) AS \(.integer)) AS count FROM training_chunks
            WHERE upload_id = \(upload.id) AND position <> \(position)
            """
        )
    }

    /// - Returns: the number of chunks of the upload after the insert.
    func insertChunk(_ position: Int64, bytes: Int64, of upload: Upload) throws -> Int64 {
        try execute(
            """
            INSERT INTO training_chunks (upload_id, position, bytes) VALUES (\(upload.id), \(position), \(bytes))
            ON CONFLICT (upload_id, position) DO UPDATE SET bytes = excluded.bytes
            """
        )
        return try count("SELECT COUNT(*) AS count FROM training_chunks WHERE upload_id = \(upload.id)")
    }

    /// Reserves the assembly of the file for one request, for ``Upload/assemblyLease``.
    /// - Returns: false where another request has reserved it.
    func claimAssembly(of upload: Upload) throws -> Bool {
        try execute(
            """
            UPDATE training_uploads SET assembling_until = \(now + Upload.assemblyLease)
            WHERE id = \(upload.id) AND (assembling_until IS NULL OR assembling_until < \(now))
            """
        ) == 1
    }

    /// Allows another request to assemble the file.
    func releaseAssembly(of upload: Upload) throws {
        try execute("UPDATE training_uploads SET assembling_until = NULL WHERE id = \(upload.id)")
    }

    /// - Returns: the storage that is taken for the series of an upload, in bytes.
    func seriesBytes(of upload: Upload) throws -> Int64 {
        try first("SELECT series_bytes FROM training_uploads WHERE id = \(upload.id)") { try $0["series_bytes"] } ?? 0
    }

    func setSeriesBytes(_ bytes: Int64, of upload: Upload) throws {
        try execute("UPDATE training_uploads SET series_bytes = \(bytes) WHERE id = \(upload.id)")
    }

    /// - Returns: the bytes of its chunks and its series, whose storage the caller releases.
    func delete(_ upload: Upload) throws -> Int64 {
        // Locked, so that no chunk is inserted meanwhile.
        guard try lock(upload) else { return 0 }
        let chunks: [Int64] = try all("DELETE FROM training_chunks WHERE upload_id = \(upload.id) RETURNING bytes") {
            try $0["bytes"]
        }
        let series: Int64? = try first(
            """
            DELETE FROM training_uploads WHERE id = \(upload.id) AND organisation_id = \(upload.organisation)
            RETURNING series_bytes
            """
        ) { try $0["series_bytes"] }
        return chunks.reduce(series ?? 0, +)
    }

    func staleUploads(limit: Int) throws -> [Upload] {
        try all(
            Self.selectUpload + "WHERE created_at < \(now - Upload.lifetime) ORDER BY created_at LIMIT \(limit)",
            Upload.init)
    }

    func hasUpload(_ id: ID<Upload>) throws -> Bool {
        try first("SELECT id FROM training_uploads WHERE id = \(id)") != nil
    }

    private static var selectUpload: SQL {
        "SELECT id, organisation_id, session_id, file_name, kind, chunk_count FROM training_uploads\n"
    }
}
