import Audit
import Entitlements
import Files
import Identity
import Modules

/// Lists, changes and deletes the files of sessions.
final class SeriesFileService: Sendable {
    let database: any Database
    let storage: StorageQuotaService
    let filePaths: TrainingFilePaths
    let audit: AuditService

    init(
        database: any Database, storage: StorageQuotaService, filePaths: TrainingFilePaths, audit: AuditService
    ) {
        self.database = database
        self.storage = storage
        self.filePaths = filePaths
        self.audit = audit
    }

    func list(scope: Scope, session: String, kind: String?) async throws(Problem) -> SeriesFileList {
        try await database.read { transaction in
            let files = try transaction.seriesFiles(of: try transaction.trainingSession(session, in: scope))
            return SeriesFileList(
                files: files.filter { kind == nil || $0.kind.rawValue == kind }.map(SeriesFileView.init))
        }
    }

    /// Changes the settings of a file. Existing datasets do not change.
    /// - Throws: `validation-failed` with pointers to the members as they were sent; `file-not-found`,
    ///   `upload-conflict`.
    func change(_ change: SeriesSettingsChange, scope: Scope, file id: ID<SeriesFile>) async throws(Problem)
        -> SeriesFileView
    {
        let named = try change.settings()
        let request = named.settings
        return try await database.write { transaction in
            let file = try transaction.seriesFile(id, in: scope)
            let session = try transaction.lockedTrainingSession(file.session, of: file.organisation)
            let settings = file.settings.changed(by: request)
            let pointer = { (key: SeriesSettings.CodingKeys) in named.pointers[key] ?? "/\(key.rawValue)" }
            try settings.check(kind: file.kind, at: pointer)
            try settings.checkSameImport(as: file.settings, at: pointer)
            if let kind = request.kind, kind != file.kind,
                try transaction.seriesFile(named: file.name, kind, of: session) != nil
            {
                throw Problem(.uploadConflict, title: "The session has this file as \(kind.rawValue) already")
            }
            try transaction.update(file, settings: settings)
            return SeriesFileView(try transaction.seriesFile(id, in: scope))
        }
    }

    /// Deletes a file and releases its storage.
    /// - Throws: `training-in-progress` while the session has an unfinished run.
    func delete(scope: Scope, file id: ID<SeriesFile>) async throws(Problem) -> Success {
        let file = try await database.write { [storage, audit] transaction in
            let file = try transaction.seriesFile(id, in: scope)
            let session = try transaction.lockedTrainingSession(file.session, of: file.organisation)
            guard try transaction.unfinishedRun(of: session) == nil else {
                throw Problem(
                    .trainingInProgress, detail: "Cancel the run, or wait for its end, before deleting its files.")
            }
            guard try transaction.delete(file) else { throw Problem(.fileNotFound) }
            try storage.release(bytes: file.storageBytes, of: file.organisation, in: transaction)
            try audit.record(AuditEvent("series-file.deleted", by: scope, subject: id.text), in: transaction)
            return file
        }
        // Called after the commit. Without its row the file is unreachable, so a failure to remove it is ignored.
        try? await filePaths.store.remove(filePaths.source(file.id, of: file.session))
        try? await filePaths.store.remove(filePaths.series(file.id, of: file.session))
        return Success(message: "File deleted")
    }
}
