import Audit
import Entitlements
import Files
import Identity
import Modules

/// Creates, reads, changes and deletes training sessions.
final class TrainingSessionService: Sendable {
    let database: any Database
    let storage: StorageQuotaService
    let filePaths: TrainingFilePaths
    let audit: AuditService
    let events: RunEventService
    let runtime: Runtime

    init(
        database: any Database, storage: StorageQuotaService, filePaths: TrainingFilePaths, audit: AuditService,
        events: RunEventService, runtime: Runtime
    ) {
        self.database = database
        self.storage = storage
        self.filePaths = filePaths
        self.audit = audit
        self.events = events
        self.runtime = runtime
    }

    /// The largest number of sessions of an organisation.
    static let maximumPerOrganisation: Int64 = 1_000

    /// Creates a session under the client's id, or changes the settings of the session that has it.
    func open(_ request: InitSession, scope: Scope) async throws(Problem) -> SessionOpened {
        try request.timeInfo?.check()
        return try await database.write { [self] transaction in
            try ensure(request.sessionId, scope, in: transaction)
            let session = try transaction.trainingSession(request.sessionId, in: scope)
            if let timeInfo = request.timeInfo { try transaction.update(session, timeInfo: timeInfo) }
            if let steps = request.zeitschritte { try transaction.update(session, steps: steps) }
            return SessionOpened(
                success: true, sessionId: session.clientID, sessionUuid: session.id, message: "Session initialized")
        }
    }

    func create(_ request: CreateSession, scope: Scope) async throws(Problem) -> SessionIdentity {
        try await database.write { [self] transaction in
            try ensure(request.sessionId, scope, in: transaction)
            let session = try transaction.trainingSession(request.sessionId, in: scope)
            if let name = request.sessionName { try transaction.rename(session, to: name) }
            return SessionIdentity(sessionUuid: session.id)
        }
    }

    func identity(scope: Scope, session: String) async throws(Problem) -> SessionIdentity {
        try await database.read { SessionIdentity(sessionUuid: try $0.trainingSession(session, in: scope).id) }
    }

    func list(scope: Scope, limit: Int) async throws(Problem) -> SessionList {
        try await database.read { transaction in
            let sessions = try transaction.trainingSessions(in: scope, limit: limit)
            return SessionList(
                sessions: try sessions.map { SessionView($0, files: try transaction.countSeriesFiles(of: $0)) },
                totalCount: try transaction.countTrainingSessions(in: scope)
            )
        }
    }

    func view(scope: Scope, session: String) async throws(Problem) -> SessionView {
        try await database.read { transaction in
            let session = try transaction.trainingSession(session, in: scope)
            return SessionView(session, files: try transaction.countSeriesFiles(of: session))
        }
    }

    func whole(scope: Scope, session: String) async throws(Problem) -> WholeSession {
        try await database.read { transaction in
            let session = try transaction.trainingSession(session, in: scope)
            return WholeSession(session, files: try transaction.seriesFiles(of: session))
        }
    }

    func rename(_ request: RenameSession, scope: Scope) async throws(Problem) -> Success {
        try await database.write { transaction in
            try transaction.rename(
                try transaction.trainingSession(request.sessionId, in: scope), to: request.sessionName)
            return Success(message: "Session renamed")
        }
    }

    func finalize(_ request: NamedSession, scope: Scope) async throws(Problem) -> SessionFinalized {
        try await database.write { transaction in
            let session = try transaction.trainingSession(request.sessionId, in: scope)
            try transaction.finalize(session)
            return SessionFinalized(
                success: true, message: "Session finalized", nDat: session.datasetCount ?? 0,
                fileCount: try transaction.countSeriesFiles(of: session))
        }
    }

    func save(_ request: SaveTimeInfo, scope: Scope) async throws(Problem) -> Success {
        try request.timeInfo.check()
        try await change(request.sessionId, scope) { try $0.update($1, timeInfo: request.timeInfo) }
        return Success(message: "Time info saved")
    }

    func save(_ request: SaveSteps, scope: Scope) async throws(Problem) -> Success {
        try await change(request.sessionId, scope) { try $0.update($1, steps: request.zeitschritte) }
        return Success(message: "Steps saved")
    }

    func timeInfo(scope: Scope, session: String) async throws(Problem) -> TimeInfo {
        try await database.read { try $0.trainingSession(session, in: scope).timeInfo ?? TimeInfo() }
    }

    func steps(scope: Scope, session: String) async throws(Problem) -> StepSettings {
        let steps = try await database.read { try $0.trainingSession(session, in: scope).steps }
        guard let steps else {
            throw Problem(
                .resultsNotFound, title: "The steps have not been set",
                detail: "Save them first: POST /v1/training/save-zeitschritte.")
        }
        return steps
    }

    /// Deletes a session with its files, datasets and models.
    /// - Throws: `training-in-progress` while the session has an unfinished run.
    func delete(scope: Scope, session name: String) async throws(Problem) -> SessionDeleted {
        let deletion = try await database.write { [self] transaction in
            try delete(try transaction.lockedTrainingSession(name, in: scope), scope, in: transaction)
        }
        await removeFiles(of: [deletion])
        return SessionDeleted(success: true, message: "Session deleted", summary: deletion.summary)
    }

    /// Deletes every session without an unfinished run.
    func deleteAll(_ request: DeleteAllSessions, scope: Scope) async throws(Problem) -> SessionsDeleted {
        guard request.confirmDeleteAll else {
            throw Problem(.confirmationRequired, title: "Set confirm_delete_all to true to delete all sessions")
        }
        let deleted = try await database.write { [self] transaction in
            try transaction.trainingSessions(in: scope, limit: Int(Self.maximumPerOrganisation)).compactMap {
                listed -> Deletion? in
                let session = try transaction.lockedTrainingSession(listed.id, of: listed.organisation)
                guard try transaction.unfinishedRun(of: session) == nil else { return nil }
                return try delete(session, scope, in: transaction)
            }
        }
        await removeFiles(of: deleted)
        let summaries = deleted.map(\.summary)
        return SessionsDeleted(
            success: true,
            summary: DeletionSummary(
                sessions: deleted.count, files: summaries.map(\.files).reduce(0, +),
                bytes: summaries.map(\.bytes).reduce(0, +)),
            details: deleted.map(\.session.clientID)
        )
    }

    private func ensure(_ clientID: String, _ scope: Scope, in transaction: Transaction) throws {
        guard try transaction.ensureTrainingSession(clientID, id: runtime.id(), in: scope) else { return }
        guard try transaction.countTrainingSessions(in: scope) <= Self.maximumPerOrganisation else {
            throw Problem(
                .conflict,
                detail: "An organisation has at most \(Self.maximumPerOrganisation) sessions. Delete some first.")
        }
    }

    private func change(
        _ name: String, _ scope: Scope, _ body: @escaping @Sendable (Transaction, TrainingSession) throws -> Void
    ) async throws(Problem) {
        try await database.write { transaction in
            try body(transaction, try transaction.trainingSession(name, in: scope))
        }
    }

    /// A deleted session, with the folders that remain to be removed from disk.
    private struct Deletion: Sendable {
        let session: TrainingSession
        let uploads: [Upload]
        let summary: DeletionSummary
    }

    private func delete(_ session: TrainingSession, _ scope: Scope, in transaction: Transaction) throws -> Deletion {
        guard try transaction.unfinishedRun(of: session) == nil else {
            throw Problem(.trainingInProgress, detail: "Cancel the run, or wait for its end, before deleting.")
        }
        let files = try transaction.seriesFiles(of: session)
        let bytes = files.map(\.bytes).reduce(0, +)
        let uploads = try transaction.uploads(of: session)
        var occupied = try files.map(\.storageBytes).reduce(0, +) + transaction.lockedRunBytes(of: session)
        for upload in uploads { occupied += try transaction.delete(upload) }
        try transaction.delete(session)
        try storage.release(bytes: occupied, of: session.organisation, in: transaction)
        try audit.record(AuditEvent("training-session.deleted", by: scope, subject: session.id.text), in: transaction)
        try events.removed(session, in: transaction)
        return Deletion(
            session: session, uploads: uploads, summary: DeletionSummary(sessions: 1, files: files.count, bytes: bytes))
    }

    /// Called after the commit. Without their rows the files are unreachable, so a failure to remove them is ignored.
    private func removeFiles(of deletions: [Deletion]) async {
        for deletion in deletions {
            try? await filePaths.store.remove(filePaths.session(deletion.session.id))
            for upload in deletion.uploads { try? await filePaths.store.remove(filePaths.upload(upload.id)) }
        }
    }
}
