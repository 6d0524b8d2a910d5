import Audit
import Entitlements
import Files
import Forecasting
import Foundation
import Identity
import Modules
import NIOCore
import Secrets

/// Receives files in chunks, streams them to disk and imports the file once its last chunk has arrived.
final class UploadService: Sendable {
    let database: any Database
    let quotas: QuotaService
    let storage: StorageQuotaService
    let uploadsInFlight: UploadsInFlight
    let filePaths: TrainingFilePaths
    let compute: BlockingPool
    let queue: JobQueue
    let audit: AuditService
    let runtime: Runtime

    init(
        database: any Database, quotas: QuotaService, storage: StorageQuotaService, filePaths: TrainingFilePaths,
        compute: BlockingPool, queue: JobQueue, audit: AuditService, runtime: Runtime
    ) {
        self.database = database
        self.quotas = quotas
        self.storage = storage
        uploadsInFlight = UploadsInFlight(storage: storage)
        self.filePaths = filePaths
        self.compute = compute
        self.queue = queue
        self.audit = audit
        self.runtime = runtime
    }

    /// Receives a whole file.
    /// - Throws: as ``receiveChunk(_:isPreview:scope:snapshot:charge:)``.
    func receive(
        _ incoming: RawBody.Incoming, scope: Scope, snapshot: EntitlementSnapshot, charge: Charge
    ) async throws(Problem) -> ChunkReceived {
        let response = try await receive(
            incoming, isWhole: true, isPreview: false, scope: scope, snapshot: snapshot, charge: charge)
        guard case .first(let received) = response else { preconditionFailure("a file that is stored has no preview") }
        return received
    }

    /// Receives one chunk. The quota unit is spent in the transaction that inserts the file: an unusable file costs
    /// nothing, and a file that is uploaded twice costs one unit.
    /// - Parameter isPreview: whether the import of a file whose chunks are all received is previewed. The chunks are
    ///   kept: the last one, sent again, completes the file.
    /// - Throws: `chunk-missing`, `upload-conflict`, `unusable-file`, `validation-failed`, `payload-too-large`, and the
    ///   problems of storage.
    func receiveChunk(
        _ incoming: RawBody.Incoming, isPreview: Bool, scope: Scope, snapshot: EntitlementSnapshot, charge: Charge
    ) async throws(Problem) -> Either<ChunkReceived, UploadPreview> {
        try await receive(
            incoming, isWhole: false, isPreview: isPreview, scope: scope, snapshot: snapshot, charge: charge)
    }

    private func receive(
        _ incoming: RawBody.Incoming,
        isWhole: Bool,
        isPreview: Bool,
        scope: Scope,
        snapshot: EntitlementSnapshot,
        charge: Charge
    ) async throws(Problem) -> Either<ChunkReceived, UploadPreview> {
        let limit = snapshot.plan.fileBytes.bound
        let arrival = filePaths.upload(runtime.id())
        let allocation = try allocation(for: incoming, snapshot)
        defer { allocation.release() }
        let (text, bytes) = try await spool(incoming, to: arrival, limit: limit)
        do {
            return try await Problem.catching {
                let description = try ChunkDescription(text, isWhole: isWhole)
                return try await receive(
                    description, bytes: bytes, from: arrival, allocation, isPreview: isPreview, scope: scope,
                    snapshot: snapshot, charge: charge)
            }
        } catch {
            try? await filePaths.store.remove(arrival)
            throw error
        }
    }

    /// Reads a whole file as ``receive(_:scope:snapshot:charge:)`` would, and stores nothing. No unit is taken.
    /// - Throws: `session-not-found`, `unusable-file`, `validation-failed`, `payload-too-large`, and the problems of
    ///   storage.
    func preview(_ incoming: RawBody.Incoming, scope: Scope, snapshot: EntitlementSnapshot) async throws(Problem)
        -> UploadPreview
    {
        let arrival = filePaths.upload(runtime.id())
        let allocation = try allocation(for: incoming, snapshot)
        defer { allocation.release() }
        let (text, bytes) = try await spool(incoming, to: arrival, limit: snapshot.plan.fileBytes.bound)
        let folder: ID<Upload> = runtime.id()
        let result: Result<SeriesFile, any Error>
        do {
            result = .success(try await previewed(text, bytes: bytes, from: arrival, in: folder, scope: scope))
        } catch { result = .failure(error) }
        await remove(arrival, filePaths.upload(folder))
        return try await Problem.catching { UploadPreview(try result.get()) }
    }

    private func previewed(
        _ text: String, bytes: Int64, from arrival: FileStore.Key, in folder: ID<Upload>, scope: Scope
    ) async throws -> SeriesFile {
        let description = try ChunkDescription(text, isWhole: true)
        let session = try await database.read { try $0.trainingSession(description.sessionId, in: scope) }
        let source = filePaths.chunk(0, of: folder)
        try await filePaths.store.move(arrival, to: source)
        return try await previewed(description, bytes: bytes, from: source, in: folder, of: session)
    }

    /// Imports the chunks of an upload, which are kept.
    private func preview(
        _ upload: Upload, _ description: ChunkDescription, of session: TrainingSession, _ snapshot: EntitlementSnapshot
    ) async throws -> UploadPreview {
        let folder: ID<Upload> = runtime.id()
        var allocation: UploadsInFlight.Allocation?
        defer { allocation?.release() }
        let source = filePaths.chunk(0, of: folder)
        let (chunks, path) = (chunkPaths(of: upload), filePaths.store.path(of: source))
        let result: Result<SeriesFile, any Error>
        do {
            // The chunks are counted, their copy is not.
            allocation = try uploadsInFlight.allocate(try await bytes(of: upload), of: snapshot)
            _ = try await filePaths.store.write(source, at: 0) { nil }
            let whole = try await compute.run {
                do { return try UploadAssembly.concatenate(chunks, into: path) } catch { throw Problem.ofDisk(error) }
            }
            result = .success(
                try await previewed(description, bytes: whole.bytes, from: source, in: folder, of: session))
        } catch { result = .failure(error) }
        await remove(filePaths.upload(folder))
        try await database.write { try $0.releaseAssembly(of: upload) }
        return UploadPreview(try result.get())
    }

    /// Imports `source` into `folder`.
    private func previewed(
        _ description: ChunkDescription, bytes: Int64, from source: FileStore.Key, in folder: ID<Upload>,
        of session: TrainingSession
    ) async throws -> SeriesFile {
        let series = filePaths.chunk(1, of: folder)
        let (sourceURL, seriesURL, settings) = (filePaths.url(source), filePaths.url(series), description.settings)
        let kind = settings.kind ?? .input
        do {
            let report = try await compute.run { () -> SeriesReport in
                try UploadAssembly.importer(settings).run(sourceURL, to: seriesURL)
            }
            return SeriesFile(
                id: runtime.id(), organisation: session.organisation, session: session.id, name: description.fileName,
                kind: kind, digest: "", bytes: bytes, seriesBytes: 0,
                settings: settings.changed(by: SeriesSettings(kind: kind)), report: report, createdAt: runtime.now())
        } catch let fault as SeriesFault {
            throw Problem.unusable(fault)
        } catch { throw Problem.ofDisk(error) }
    }

    /// The total size of the received chunks, in bytes.
    private func bytes(of upload: Upload) async throws(Problem) -> Int64 {
        try await database.read { try $0.chunkBytes(of: upload, except: -1) }
    }

    /// The allocation for a body: of its announced size, else of the largest file.
    private func allocation(for incoming: RawBody.Incoming, _ snapshot: EntitlementSnapshot) throws(Problem)
        -> UploadsInFlight.Allocation
    {
        let largest = snapshot.plan.fileBytes.bound
        return try uploadsInFlight.allocate(
            incoming.body.announcedSize.map { min(Int64($0), largest) } ?? largest, of: snapshot)
    }

    /// Reads the parts in any order and writes the file part to disk.
    private func spool(_ incoming: RawBody.Incoming, to arrival: FileStore.Key, limit: Int64) async throws(Problem) -> (
        metadata: String, bytes: Int64
    ) {
        var reader = try UploadForm.reader(of: incoming, fileBytesMax: limit)
        var metadata: String?
        var bytes: Int64?
        do {
            while let part = try await reader.next() {
                switch part.name {
                case "metadata":
                    guard metadata == nil else {
                        throw Problem(.invalidPayload, detail: "The body has the part 'metadata' twice.")
                    }
                    metadata = try await reader.collectText(upTo: UploadForm.metadataBytesMax)
                case "chunk", "file", "fileChunk":
                    guard bytes == nil else {
                        throw Problem(.invalidPayload, detail: "The body has more than one file.")
                    }
                    bytes = try await write(&reader, to: arrival, limit: limit)
                default: _ = try await reader.collectText(upTo: UploadForm.metadataBytesMax)
                }
            }
            guard let metadata else { throw Problem.invalid("/metadata", "is a required part of the form") }
            guard let bytes else { throw Problem.invalid("/chunk", "is a required part of the form") }
            return (metadata, bytes)
        } catch {
            try? await filePaths.store.remove(arrival)
            throw Problem.wrapping(error)
        }
    }

    private func write(_ reader: inout MultipartReader, to key: FileStore.Key, limit: Int64) async throws -> Int64 {
        var received: Int64 = 0
        // The closure reads from a copy, which replaces the original afterwards: an inout argument cannot be captured.
        var local = reader
        let size = try await filePaths.store.write(key, at: 0) {
            guard let buffer = try await local.read() else { return nil }
            received += Int64(buffer.readableBytes)
            guard received <= limit else { throw Problem.payloadTooLarge(limit: Int(limit)) }
            return Array(buffer: buffer)
        }
        reader = local
        return size
    }

    private func receive(
        _ description: ChunkDescription,
        bytes: Int64,
        from arrival: FileStore.Key,
        _ allocation: UploadsInFlight.Allocation,
        isPreview: Bool,
        scope: Scope,
        snapshot: EntitlementSnapshot,
        charge: Charge
    ) async throws -> Either<ChunkReceived, UploadPreview> {
        let position = description.chunkIndex
        let kind = description.settings.kind ?? .input
        let start = try await start(description, bytes: bytes, kind: kind, scope: scope, snapshot: snapshot)
        let (session, upload): (TrainingSession, Upload)
        switch start {
        case .unfinished(let ownSession, let ownUpload, let replaced):
            (session, upload) = (ownSession, ownUpload)
            if let replaced { await remove(filePaths.upload(replaced.id)) }
        case .finished(let file):
            await remove(arrival)
            return .first(ChunkReceived(repeated: file, chunks: description.totalChunks))
        case .unknown: throw Problem(.chunkMissing, detail: "Send chunk 0 first.", members: ["next_chunk": 0])
        }
        try await filePaths.store.move(arrival, to: filePaths.chunk(position, of: upload.id))
        allocation.release()
        switch try await recordChunk(position, bytes: bytes, of: upload, session, snapshot) {
        case .waiting(let count):
            return .first(
                ChunkReceived(
                    message: "Chunk \(position) received", receivedChunks: count, totalChunks: upload.chunkCount))
        case .complete where isPreview: return .second(try await preview(upload, description, of: session, snapshot))
        case .complete:
            let file = try await assemble(
                upload, description: description, kind: kind, session: session, scope: scope, snapshot: snapshot,
                charge: charge)
            return .first(ChunkReceived(file, message: "The file is complete", chunks: upload.chunkCount))
        case .ended(let file):
            await remove(filePaths.upload(upload.id))
            guard let file else {
                throw Problem(
                    .chunkMissing,
                    detail: "The upload was restarted or deleted by another request. Send chunk 0 first.",
                    members: ["next_chunk": 0])
            }
            return .first(ChunkReceived(repeated: file, chunks: upload.chunkCount))
        case .refused(let problem):
            await remove(filePaths.chunk(position, of: upload.id))
            throw problem
        case .tooLarge:
            await remove(filePaths.upload(upload.id))
            throw Problem.payloadTooLarge(limit: Int(snapshot.plan.fileBytes.value))
        }
    }

    private enum UploadStart: Sendable {
        /// `replaced` is a deleted upload of the same name with another number of chunks.
        case unfinished(TrainingSession, Upload, replaced: Upload?)
        case finished(SeriesFile)
        case unknown
    }

    private func start(
        _ description: ChunkDescription, bytes: Int64, kind: SeriesFile.Kind, scope: Scope,
        snapshot: EntitlementSnapshot
    ) async throws -> UploadStart {
        try await database.write { [storage, queue, runtime] transaction in
            let session = try transaction.trainingSession(description.sessionId, in: scope)
            let present = try transaction.upload(of: session, named: description.fileName, kind: kind)
            if description.chunkIndex > 0 {
                guard let present, try transaction.chunkBytes(at: 0, of: present) != nil else {
                    // The client may repeat the last chunk because it did not get the response.
                    let file = try transaction.seriesFile(named: description.fileName, kind, of: session)
                    return file.map { .finished($0) } ?? .unknown
                }
                guard present.chunkCount == description.totalChunks else {
                    throw Problem(
                        .uploadConflict,
                        detail: "The upload has \(present.chunkCount) chunks. Send chunk 0 to restart it.")
                }
                try Self.checkStorage(
                    for: bytes, at: description.chunkIndex, of: present, storage, snapshot, transaction)
                return .unfinished(session, present, replaced: nil)
            }
            if let present, present.chunkCount == description.totalChunks {
                try Self.checkStorage(for: bytes, at: 0, of: present, storage, snapshot, transaction)
                return .unfinished(session, present, replaced: nil)
            }
            if let present {
                guard try transaction.lock(present), try !transaction.isAssembling(present) else {
                    throw Problem(
                        .uploadConflict,
                        detail: "Another request is assembling the file. Try again shortly.")
                }
                let freed = try transaction.delete(present)
                try storage.release(bytes: freed, of: present.organisation, in: transaction)
            }
            try storage.check(bytes: bytes, of: snapshot, in: transaction)
            let impersonation = scope.impersonator == nil ? nil : scope.session
            try transaction.insertUpload(
                runtime.id(), of: session, description, kind: kind, impersonation: impersonation)
            if let impersonation {
                try queue.enqueue(
                    ImpersonatedUploadsJob(organisation: session.organisation, session: impersonation),
                    JobOptions(uniqueKey: impersonation.text, organisation: scope.organisation.text), in: transaction)
            }
            guard let upload = try transaction.upload(of: session, named: description.fileName, kind: kind),
                upload.chunkCount == description.totalChunks
            else {
                throw Problem(
                    .uploadConflict, detail: "A concurrent request started this upload with another number of chunks.")
            }
            return .unfinished(session, upload, replaced: present)
        }
    }

    /// Refuses a chunk beyond the storage of the plan before it replaces an earlier one of the same position.
    private static func checkStorage(
        for bytes: Int64, at position: Int64, of upload: Upload, _ storage: StorageQuotaService,
        _ snapshot: EntitlementSnapshot, _ transaction: Transaction
    ) throws {
        let more = try bytes - (transaction.chunkBytes(at: position, of: upload) ?? 0)
        if more > 0 { try storage.check(bytes: more, of: snapshot, in: transaction) }
    }

    private enum ChunkOutcome: Sendable {
        /// The number of received chunks; others are missing, or another request assembles the file.
        case waiting(Int64)
        /// All chunks are received, and this request assembles the file.
        case complete
        /// The upload has ended: with its file, or without one where it was restarted or deleted.
        case ended(SeriesFile?)
        /// A concurrent request took the storage; the chunk is missing again.
        case refused(Problem)
        /// The file exceeds the limit of the plan; the upload is deleted.
        case tooLarge
    }

    /// Inserts the row of a chunk whose bytes are in the file store, and takes its storage.
    private func recordChunk(
        _ position: Int64, bytes: Int64, of upload: Upload, _ session: TrainingSession, _ snapshot: EntitlementSnapshot
    ) async throws -> ChunkOutcome {
        try await database.write { [storage] transaction in
            guard try transaction.lock(upload) else {
                return .ended(try transaction.seriesFile(named: upload.fileName, upload.kind, of: session))
            }
            guard snapshot.plan.fileBytes.allows(try transaction.chunkBytes(of: upload, except: position) + bytes)
            else {
                let freed = try transaction.delete(upload)
                try storage.release(bytes: freed, of: upload.organisation, in: transaction)
                return .tooLarge
            }
            let replaced = try transaction.chunkBytes(at: position, of: upload) ?? 0
            if replaced > 0 { try storage.release(bytes: replaced, of: upload.organisation, in: transaction) }
            do {
                try storage.allocate(bytes: bytes, of: snapshot, in: transaction)
            } catch let problem as Problem where problem.kind == .storageExceeded {
                try transaction.deleteChunk(position, of: upload)
                return .refused(problem)
            }
            let count = try transaction.insertChunk(position, bytes: bytes, of: upload)
            return try count == upload.chunkCount && transaction.claimAssembly(of: upload) ? .complete : .waiting(count)
        }
    }

    /// Concatenates the chunks, imports the series, and inserts the file's row in the transaction that spends the
    /// charge.
    private func assemble(
        _ upload: Upload,
        description: ChunkDescription,
        kind: SeriesFile.Kind,
        session: TrainingSession,
        scope: Scope,
        snapshot: EntitlementSnapshot,
        charge: Charge
    ) async throws -> SeriesFile {
        let id: ID<SeriesFile> = runtime.id()
        let (source, series) = (filePaths.source(id, of: session.id), filePaths.series(id, of: session.id))
        do {
            let chunks = chunkPaths(of: upload)
            let (sourcePath, seriesURL) = (filePaths.store.path(of: source), filePaths.url(series))
            _ = try await filePaths.store.write(source, at: 0) { nil }
            let settings = description.settings
            let whole = try await compute.run { try UploadAssembly.concatenate(chunks, into: sourcePath) }
            try await allocateSeries(whole.seriesBytesMax, of: upload, snapshot)
            let imported = try await compute.run { () -> (bytes: Int64, report: SeriesReport) in
                let report = try UploadAssembly.importer(settings).run(URL(filePath: sourcePath), to: seriesURL)
                return (try UploadAssembly.size(of: seriesURL), report)
            }
            let file = SeriesFile(
                id: id,
                organisation: session.organisation,
                session: session.id,
                name: description.fileName,
                kind: kind,
                digest: whole.digest,
                bytes: whole.bytes,
                seriesBytes: imported.bytes,
                settings: settings.changed(by: SeriesSettings(kind: kind)),
                report: imported.report,
                createdAt: runtime.now()
            )
            let stored = try await insert(file, upload, session, scope, snapshot, charge)
            if stored.id != file.id { await remove(source, series) }
            await remove(filePaths.upload(upload.id))
            return stored
        } catch {
            await remove(source, series)
            try await delete(upload)
            if let fault = error as? SeriesFault { throw Problem.unusable(fault) }
            throw Problem.ofDisk(error)
        }
    }

    /// Takes the most storage that the series of an upload may need, before it is written.
    /// - Throws: `storage-exceeded`.
    private func allocateSeries(_ bytes: Int64, of upload: Upload, _ snapshot: EntitlementSnapshot) async throws {
        try await database.write { [storage] transaction in
            guard try transaction.lock(upload) else { return }
            // An earlier assembly of the same chunks may have ended with its process.
            let earlier = try transaction.seriesBytes(of: upload)
            if earlier > 0 { try storage.release(bytes: earlier, of: upload.organisation, in: transaction) }
            try storage.allocate(bytes: bytes, of: snapshot, in: transaction)
            try transaction.setSeriesBytes(bytes, of: upload)
        }
    }

    private func chunkPaths(of upload: Upload) -> [String] {
        (0..<upload.chunkCount).map { filePaths.store.path(of: filePaths.chunk($0, of: upload.id)) }
    }

    /// - Returns: `file`, or the earlier file of the session with the same name and digest.
    private func insert(
        _ file: SeriesFile,
        _ upload: Upload,
        _ session: TrainingSession,
        _ scope: Scope,
        _ snapshot: EntitlementSnapshot,
        _ charge: Charge
    ) async throws -> SeriesFile {
        try await database.write { [quotas, storage, audit] transaction in
            let session = try transaction.lockedTrainingSession(session.id, of: session.organisation)
            let occupied = try transaction.delete(upload)
            guard try transaction.insert(file) else {
                guard let present = try transaction.seriesFile(named: file.name, file.kind, of: session),
                    present.digest == file.digest
                else {
                    throw Problem(
                        .uploadConflict, title: "The session has another file of this name",
                        detail: "Delete it first, or choose another name.")
                }
                try storage.release(bytes: occupied, of: session.organisation, in: transaction)
                return present
            }
            try quotas.spend(charge, operation: "upload:\(file.id)", in: transaction)
            // The file and its series take storage that the upload had.
            try storage.release(bytes: occupied, of: session.organisation, in: transaction)
            try storage.allocate(bytes: file.storageBytes, of: snapshot, in: transaction)
            try audit.record(AuditEvent("series-file.uploaded", by: scope, subject: file.id.text), in: transaction)
            return file
        }
    }

    /// Deletes the unfinished uploads that were begun under an impersonation, once that has ended.
    /// - Returns: false while it lasts.
    func endUploads(begunUnder impersonation: ID<Session>, of organisation: ID<Organisation>) async throws(Problem)
        -> Bool
    {
        let ended = try await database.write { [storage, audit] transaction -> [Upload]? in
            guard try !transaction.isLive(impersonation) else { return nil }
            let uploads = try transaction.uploads(begunUnder: impersonation, of: organisation)
            var occupied: Int64 = 0
            for upload in uploads {
                occupied += try transaction.delete(upload)
                try audit.record(
                    AuditEvent(
                        "series-upload.deleted", organisation: organisation.text, subject: upload.id.text,
                        details: ["reason": "impersonation ended"]),
                    in: transaction)
            }
            if occupied > 0 { try storage.release(bytes: occupied, of: organisation, in: transaction) }
            return uploads
        }
        guard let ended else { return false }
        for upload in ended { await remove(filePaths.upload(upload.id)) }
        return true
    }

    private func delete(_ upload: Upload) async throws {
        try await database.write { [storage] transaction in
            let bytes = try transaction.delete(upload)
            try storage.release(bytes: bytes, of: upload.organisation, in: transaction)
        }
        await remove(filePaths.upload(upload.id))
    }

    private func remove(_ keys: FileStore.Key...) async {
        for key in keys { try? await filePaths.store.remove(key) }
    }
}

/// Blocking work on the files of an upload.
private enum UploadAssembly {
    /// A whole file. Its series has at most a sample for each line.
    struct Whole: Sendable {
        let digest: String
        let bytes: Int64
        let seriesBytesMax: Int64
    }

    static func concatenate(_ chunks: [String], into path: String) throws -> Whole {
        var digest = Digest()
        var bytes: Int64 = 0
        // Lines end with LF, or with CR in files without LF.
        var (feeds, returns): (Int64, Int64) = (0, 0)
        guard let output = FileHandle(forWritingAtPath: path) else { throw CocoaError(.fileNoSuchFile) }
        defer { try? output.close() }
        for chunk in chunks {
            guard let input = FileHandle(forReadingAtPath: chunk) else { throw CocoaError(.fileReadNoSuchFile) }
            defer { try? input.close() }
            while let data = try input.read(upToCount: 1 << 20), !data.isEmpty {
                digest.update(data)
                bytes += Int64(data.count)
                data.withUnsafeBytes { bytes in
                    feeds += Int64(bytes.count { $0 == UInt8(ascii: "\n") })
                    returns += Int64(bytes.count { $0 == UInt8(ascii: "\r") })
                }
                try output.write(contentsOf: data)
            }
        }
        try output.synchronize()
        return Whole(
            digest: digest.hex(), bytes: bytes,
            seriesBytesMax: (max(feeds, returns) + 1) * Int64(Series.bytesPerSample))
    }

    /// In bytes.
    static func size(of file: URL) throws -> Int64 {
        Int64(try file.resourceValues(forKeys: [.fileSizeKey]).fileSize ?? 0)
    }

    static func importer(_ settings: SeriesSettings) -> SeriesImport {
        var importer = SeriesImport()
        if let name = settings.timeColumn { importer.timeColumn = .name(name) }
        if let name = settings.valueColumn { importer.valueColumn = .name(name) }
        if let zone = settings.timeZone { importer.timeZone = zone }
        importer.decimal = settings.decimalMark
        importer.dateOrder = settings.dateOrder
        importer.skipsUnreadable = settings.skipUnreadable ?? false
        return importer
    }
}

extension Problem {
    /// The refusal of a file: why, where, and the settings that would change it.
    static func unusable(_ fault: SeriesFault) -> Problem {
        var members: [String: JSONValue] = ["reason": .string(fault.code.rawValue)]
        if let line = fault.line { members["line"] = .integer(Int64(line)) }
        if let column = fault.column { members["column"] = .string(column) }
        if !fault.readings.isEmpty { members["readings"] = .array(fault.readings.map { .string($0) }) }
        if !fault.settings.isEmpty { members["settings"] = .array(fault.settings.map { .string($0) }) }
        return Problem(.unusableFile, detail: fault.message, members: members)
    }
}
