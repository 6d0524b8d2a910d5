import Audit
import Entitlements
import Files
import Forecasting
import Foundation
import Identity
import Modules
import NIOCore
import Secrets

/// Takes files in: chunk by chunk to disk, never whole in memory, and imported when the last one is there.
struct UploadService: Sendable {
    let database: any Database
    let quotas: QuotaService
    let storage: StorageQuotaService
    let places: TrainingFilePaths
    let compute: BlockingPool
    let audit: AuditModule
    let runtime: Runtime

    static let maximumMetadata = 64 << 10

    /// Takes one chunk, or a whole file as its only chunk. The unit of the quota is spent with the file's row, so a file that cannot
    /// be used costs nothing and one that was sent twice costs once.
    func receive(
        _ incoming: RawBody.Incoming,
        isWhole: Bool,
        scope: Scope,
        standing: EntitlementSnapshot,
        allowance: UploadAllowance
    ) async throws(Problem) -> ChunkReceived {
        let charge: Charge
        switch allowance {
        case .another(let own): charge = own
        case .again(let refusal):
            return try await answerAgain(incoming, isWhole: isWhole, scope: scope, standing: standing, refusal: refusal)
        }
        let limit = standing.plan.fileBytes.bound
        let arrival = places.upload(runtime.id())
        let (text, bytes) = try await spool(incoming, to: arrival, limit: limit)
        do {
            return try await Problem.catching {
                let description = try ChunkDescription(text, isWhole: isWhole)
                return try await take(
                    description, bytes: bytes, from: arrival, scope: scope, standing: standing, charge: charge)
            }
        } catch {
            try? await places.store.remove(arrival)
            throw error
        }
    }

    func reader(of incoming: RawBody.Incoming, limit: Int64) throws(Problem) -> MultipartReader {
        try MultipartReader(
            contentType: incoming.contentType,
            body: incoming.body,
            limits: MultipartReader.Limits(
                totalBytes: Int(min(limit, Int64.max / 8)) + Self.maximumMetadata + (64 << 10))
        )
    }

    /// Reads the parts in whatever order they come; the file goes to disk.
    private func spool(_ incoming: RawBody.Incoming, to arrival: FileStore.Key, limit: Int64) async throws(Problem) -> (
        metadata: String, bytes: Int64
    ) {
        var reader = try self.reader(of: incoming, limit: limit)
        var metadata: String?
        var bytes: Int64?
        do {
            while let part = try await reader.next() {
                switch part.name {
                case "metadata": metadata = try await reader.collectText(upTo: Self.maximumMetadata)
                case "chunk", "file", "fileChunk":
                    guard bytes == nil else {
                        throw Problem(.invalidPayload, detail: "The body has more than one file.")
                    }
                    bytes = try await write(&reader, to: arrival, limit: limit)
                default: _ = try await reader.collectText(upTo: Self.maximumMetadata)
                }
            }
            guard let metadata else { throw Problem.invalid("/metadata", "is a required part of the form") }
            guard let bytes else { throw Problem.invalid("/chunk", "is a required part of the form") }
            return (metadata, bytes)
        } catch {
            try? await places.store.remove(arrival)
            throw Problem.wrapping(error)
        }
    }

    private func write(_ reader: inout MultipartReader, to key: FileStore.Key, limit: Int64) async throws -> Int64 {
        var received: Int64 = 0
        // The reader is moved into the closure's hands and back, because it may not be shared while it is read.
        var local = reader
        let size = try await places.store.write(key, at: 0) {
            guard let piece = try await local.read() else { return nil }
            received += Int64(piece.readableBytes)
            guard received <= limit else { throw Problem.payloadTooLarge(limit: Int(limit)) }
            return Array(buffer: piece)
        }
        reader = local
        return size
    }

    private func take(
        _ description: ChunkDescription,
        bytes: Int64,
        from arrival: FileStore.Key,
        scope: Scope,
        standing: EntitlementSnapshot,
        charge: Charge
    ) async throws -> ChunkReceived {
        let position = description.chunkIndex
        let kind = description.settings.kind ?? .input
        let begun = try await begin(description, bytes: bytes, kind: kind, scope: scope, standing: standing)
        let (session, upload): (TrainingSession, Upload)
        switch begun {
        case .underWay(let present, let own, let replaced):
            (session, upload) = (present, own)
            if let replaced { await discard(places.upload(replaced.id)) }
        case .finished(let file):
            await discard(arrival)
            return ChunkReceived(repeated: file, chunks: description.totalChunks)
        case .unknown: throw Problem(.chunkMissing, detail: "Send chunk 0 first.", members: ["next_chunk": 0])
        }
        try await places.store.move(arrival, to: places.chunk(position, of: upload.id))
        switch try await keep(position, bytes: bytes, of: upload, session, standing) {
        case .waiting(let count):
            return ChunkReceived(
                message: "Chunk \(position) received", receivedChunks: count, totalChunks: upload.chunkCount)
        case .complete:
            let file = try await assemble(
                upload, description: description, kind: kind, session: session, scope: scope, standing: standing,
                charge: charge)
            return ChunkReceived(file, message: "The file is complete", chunks: upload.chunkCount)
        case .over(let file):
            await discard(places.upload(upload.id))
            guard let file else {
                throw Problem(
                    .chunkMissing, detail: "The upload was begun anew or given up meanwhile. Send chunk 0 first.",
                    members: ["next_chunk": 0])
            }
            return ChunkReceived(repeated: file, chunks: upload.chunkCount)
        case .tooLarge:
            await discard(places.upload(upload.id))
            throw Problem.payloadTooLarge(limit: Int(standing.plan.fileBytes.value))
        }
    }

    private enum Begun: Sendable {
        /// `replaced` is an upload of the same name that was begun differently and is no more.
        case underWay(TrainingSession, Upload, replaced: Upload?)
        case finished(SeriesFile)
        case unknown
    }

    private func begin(
        _ description: ChunkDescription, bytes: Int64, kind: SeriesFile.Kind, scope: Scope,
        standing: EntitlementSnapshot
    ) async throws -> Begun {
        try await database.write { transaction in
            let session = try transaction.trainingSession(description.sessionId, in: scope)
            let present = try transaction.upload(of: session, named: description.fileName, kind: kind)
            if description.chunkIndex > 0 {
                guard let present, try transaction.hasChunk(0, of: present) else {
                    // The answer to the last chunk may have been lost: what is complete is told to be so.
                    let file = try transaction.seriesFile(named: description.fileName, kind, of: session)
                    return file.map { .finished($0) } ?? .unknown
                }
                guard present.chunkCount == description.totalChunks else {
                    throw Problem(
                        .uploadConflict,
                        detail: "It was begun with \(present.chunkCount) chunks. Send chunk 0 to begin anew.")
                }
                return .underWay(session, present, replaced: nil)
            }
            try storage.check(
                bytes: try transaction.chunkBytes(of: session.organisation) + bytes, of: standing, in: transaction)
            if let present, present.chunkCount == description.totalChunks {
                return .underWay(session, present, replaced: nil)
            }
            if let present {
                guard try transaction.lock(present), try !transaction.isAssembling(present) else {
                    throw Problem(
                        .uploadConflict,
                        detail: "The chunks that came before are being put together. Try again shortly.")
                }
                try transaction.delete(present)
            }
            try transaction.insertUpload(runtime.id(), of: session, description, kind: kind)
            guard let upload = try transaction.upload(of: session, named: description.fileName, kind: kind),
                upload.chunkCount == description.totalChunks
            else {
                throw Problem(
                    .uploadConflict, detail: "Another request began this upload differently at the same time.")
            }
            return .underWay(session, upload, replaced: present)
        }
    }

    private enum Kept: Sendable {
        /// So many chunks are there; others are missing, or another request puts them together.
        case waiting(Int64)
        /// All are there, and this request puts them together.
        case complete
        /// The upload is no more: its file is there, or it was begun anew.
        case over(SeriesFile?)
        /// The file would be larger than the plan allows, and its upload is given up.
        case tooLarge
    }

    /// Counts a chunk that lies in its place.
    private func keep(
        _ position: Int64, bytes: Int64, of upload: Upload, _ session: TrainingSession, _ standing: EntitlementSnapshot
    ) async throws -> Kept {
        try await database.write { transaction in
            guard try transaction.lock(upload) else {
                return .over(try transaction.seriesFile(named: upload.fileName, upload.kind, of: session))
            }
            guard standing.plan.fileBytes.allows(try transaction.chunkBytes(of: upload, except: position) + bytes)
            else {
                try transaction.delete(upload)
                return .tooLarge
            }
            let count = try transaction.insertChunk(position, bytes: bytes, of: upload)
            return try count == upload.chunkCount && transaction.claimAssembly(of: upload) ? .complete : .waiting(count)
        }
    }

    /// Puts the chunks together, imports the series, and writes the file's row together with what it costs.
    private func assemble(
        _ upload: Upload,
        description: ChunkDescription,
        kind: SeriesFile.Kind,
        session: TrainingSession,
        scope: Scope,
        standing: EntitlementSnapshot,
        charge: Charge
    ) async throws -> SeriesFile {
        let id: ID<SeriesFile> = runtime.id()
        let (source, series) = (places.source(id, of: session.id), places.series(id, of: session.id))
        do {
            let chunks = (0..<upload.chunkCount).map { places.store.path(of: places.chunk($0, of: upload.id)) }
            let (sourcePath, seriesURL) = (places.store.path(of: source), places.url(series))
            _ = try await places.store.write(source, at: 0) { nil }
            let settings = description.settings
            let imported = try await compute.run { () -> (digest: String, bytes: Int64, report: SeriesReport) in
                let (digest, bytes) = try Assembly.concatenate(chunks, into: sourcePath)
                return (digest, bytes, try Assembly.importer(settings).run(URL(filePath: sourcePath), to: seriesURL))
            }
            let file = SeriesFile(
                id: id,
                organisation: session.organisation,
                session: session.id,
                name: description.fileName,
                kind: kind,
                digest: imported.digest,
                bytes: imported.bytes,
                settings: settings.changed(by: SeriesSettings(kind: kind)),
                report: imported.report,
                createdAt: runtime.now()
            )
            let kept = try await record(file, upload, session, scope, standing, charge)
            if kept.id != file.id { await discard(source, series) }
            await discard(places.upload(upload.id))
            return kept
        } catch {
            await discard(source, series)
            try await abandon(upload)
            if let fault = error as? SeriesFault {
                var members: [String: JSONValue] = ["reason": .string(fault.code.rawValue)]
                if let line = fault.line { members["line"] = .integer(Int64(line)) }
                throw Problem(.unusableFile, detail: fault.message, members: members)
            }
            throw error
        }
    }

    /// - Returns: the file, or the one that was there already when the same bytes came under the same name.
    private func record(
        _ file: SeriesFile,
        _ upload: Upload,
        _ session: TrainingSession,
        _ scope: Scope,
        _ standing: EntitlementSnapshot,
        _ charge: Charge
    ) async throws -> SeriesFile {
        try await database.write { [quotas, storage, audit] transaction in
            let session = try transaction.lockedTrainingSession(session.id, of: session.organisation)
            try transaction.delete(upload)
            guard try transaction.insert(file) else {
                guard let present = try transaction.seriesFile(named: file.name, file.kind, of: session),
                    present.digest == file.digest
                else {
                    throw Problem(
                        .uploadConflict, title: "The session has another file of this name",
                        detail: "Delete it first, or choose another name.")
                }
                return present
            }
            try quotas.spend(charge, operation: "upload:\(file.id)", in: transaction)
            try storage.allocate(bytes: file.bytes, of: standing, in: transaction)
            try audit.record(AuditEvent("series-file.uploaded", by: scope, subject: file.id.text), in: transaction)
            return file
        }
    }

    private func abandon(_ upload: Upload) async throws {
        try await database.write { try $0.delete(upload) }
        await discard(places.upload(upload.id))
    }

    private func discard(_ keys: FileStore.Key...) async {
        for key in keys { try? await places.store.remove(key) }
    }
}

/// The disk work of putting a file together.
private enum Assembly {
    static func concatenate(_ chunks: [String], into path: String) throws -> (digest: String, bytes: Int64) {
        var digest = Digest()
        var bytes: Int64 = 0
        guard let output = FileHandle(forWritingAtPath: path) else { throw CocoaError(.fileNoSuchFile) }
        defer { try? output.close() }
        for chunk in chunks {
            guard let input = FileHandle(forReadingAtPath: chunk) else { throw CocoaError(.fileReadNoSuchFile) }
            defer { try? input.close() }
            while let piece = try input.read(upToCount: 1 << 20), !piece.isEmpty {
                digest.update(piece)
                bytes += Int64(piece.count)
                try output.write(contentsOf: piece)
            }
        }
        try output.synchronize()
        return (digest.hex(), bytes)
    }

    static func importer(_ settings: SeriesSettings) -> SeriesImport {
        var importer = SeriesImport()
        if let name = settings.timeColumn { importer.timeColumn = .name(name) }
        if let name = settings.valueColumn { importer.valueColumn = .name(name) }
        if let zone = settings.timeZone { importer.timeZone = zone }
        return importer
    }
}
