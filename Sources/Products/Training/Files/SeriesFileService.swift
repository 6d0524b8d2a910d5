import Audit
import Entitlements
import Files
import Identity
import Modules

/// The verbs of files that are there: list, change, delete.
struct SeriesFileService: Sendable {
    let database: any Database
    let storage: StorageQuotaService
    let places: TrainingFilePaths
    let audit: AuditModule

    func list(scope: Scope, session: String, kind: String?) async throws(Problem) -> SeriesFileList {
        try await database.read { transaction in
            let files = try transaction.seriesFiles(of: try transaction.trainingSession(session, in: scope))
            return SeriesFileList(
                files: files.filter { kind == nil || $0.kind.rawValue == kind }.map(SeriesFileView.init))
        }
    }

    /// Changes how a file is used; datasets that were made before stay as they are.
    func change(_ request: SeriesSettings, scope: Scope, file id: ID<SeriesFile>) async throws(Problem)
        -> SeriesFileView
    {
        try await database.write { transaction in
            let file = try transaction.seriesFile(id, in: scope)
            let session = try transaction.lockedTrainingSession(file.session, of: file.organisation)
            let settings = file.settings.changed(by: request)
            try settings.check()
            try settings.checkSameImport(as: file.settings)
            if let kind = request.kind, kind != file.kind,
                try transaction.seriesFile(named: file.name, kind, of: session) != nil
            {
                throw Problem(.uploadConflict, title: "The session has this file as \(kind.rawValue) already")
            }
            try transaction.update(file, settings: settings)
            return SeriesFileView(try transaction.seriesFile(id, in: scope))
        }
    }

    /// Deletes a file and gives its room back.
    /// - Throws: `training-in-progress` while a run reads it.
    func delete(scope: Scope, file id: ID<SeriesFile>) async throws(Problem) -> Success {
        let file = try await database.write { [storage, audit] transaction in
            let file = try transaction.seriesFile(id, in: scope)
            let session = try transaction.lockedTrainingSession(file.session, of: file.organisation)
            guard try transaction.unfinishedRun(of: session) == nil else {
                throw Problem(
                    .trainingInProgress, detail: "Cancel the run, or wait for its end, before deleting its files.")
            }
            guard try transaction.delete(file) else { throw Problem(.fileNotFound) }
            try storage.release(bytes: file.bytes, of: file.organisation, in: transaction)
            try audit.record(AuditEvent("series-file.deleted", by: scope, subject: id.text), in: transaction)
            return file
        }
        // The row decides; a file that a failing disk keeps is out of everybody's reach.
        try? await places.store.remove(places.source(file.id, of: file.session))
        try? await places.store.remove(places.series(file.id, of: file.session))
        return Success(message: "File deleted")
    }
}
