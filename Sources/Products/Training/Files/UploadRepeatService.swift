import Identity
import Modules
import NIOCore
import Secrets

/// Repeats the response to the last chunk of a completed upload, without a charge and without storing anything.
final class UploadRepeatService: Sendable {
    let database: any Database

    init(database: any Database) { self.database = database }

    /// Whether a file of the organisation was completed within ``SeriesFile/repeatLifetime``.
    func hasRecentFile(of organisation: ID<Organisation>) async throws(Problem) -> Bool {
        try await database.read {
            try $0.hasSeriesFile(of: organisation, since: $0.now - SeriesFile.repeatLifetime)
        }
    }

    /// Responds to a chunk, or a whole file, that repeats a recent one.
    /// - Parameters:
    ///   - limit: the largest file of the plan, in bytes.
    ///   - refusal: the problem of the gate, which precedes every problem of the body.
    /// - Throws: `refusal`, also for an invalid body; a 5xx problem as it is.
    func respond(
        to incoming: RawBody.Incoming, isWhole: Bool, scope: Scope, limit: Int64, refusal: Problem
    ) async throws(Problem) -> ChunkReceived {
        let response: ChunkReceived?
        do throws(Problem) {
            response = try await Problem.catching {
                try await self.earlierResponse(to: incoming, isWhole: isWhole, scope: scope, limit: limit)
            }
        } catch { throw error.kind.status < 500 ? refusal : error }
        guard let response else { throw refusal }
        return response
    }

    /// - Returns: nil for a request that repeats none. Where the metadata shows that already, the file is not read.
    private func earlierResponse(
        to incoming: RawBody.Incoming, isWhole: Bool, scope: Scope, limit: Int64
    ) async throws -> ChunkReceived? {
        var reader = try UploadForm.reader(of: incoming, fileBytesMax: limit)
        var found: (ChunkDescription, SeriesFile)?
        var digest: Digest?
        while let part = try await reader.next() {
            switch part.name {
            case "metadata":
                guard found == nil else { return nil }
                let description = try ChunkDescription(
                    try await reader.collectText(upTo: UploadForm.metadataBytesMax), isWhole: isWhole)
                guard let file = try await completedFile(description, scope) else { return nil }
                found = (description, file)
            case "chunk", "file", "fileChunk":
                guard digest == nil else { return nil }
                var hash = Digest()
                var received: Int64 = 0
                while let buffer = try await reader.read() {
                    received += Int64(buffer.readableBytes)
                    guard received <= limit else { return nil }
                    hash.update(Array(buffer: buffer))
                }
                digest = hash
            default: _ = try await reader.collectText(upTo: UploadForm.metadataBytesMax)
            }
        }
        guard let (description, file) = found, let digest else { return nil }
        // A single chunk is compared with the file by its digest. Of several chunks only the first can begin a new
        // upload.
        guard description.totalChunks == 1 ? digest.hex() == file.digest : description.chunkIndex > 0 else {
            return nil
        }
        return ChunkReceived(repeated: file, chunks: description.totalChunks)
    }

    /// The file of the chunk, where it was completed recently and no upload of the same name is unfinished.
    private func completedFile(_ description: ChunkDescription, _ scope: Scope) async throws(Problem) -> SeriesFile? {
        try await database.read { transaction in
            let kind = description.settings.kind ?? .input
            let session = try transaction.trainingSession(description.sessionId, in: scope)
            guard try transaction.upload(of: session, named: description.fileName, kind: kind) == nil,
                let file = try transaction.seriesFile(named: description.fileName, kind, of: session),
                transaction.now - file.createdAt < SeriesFile.repeatLifetime
            else { return nil }
            return file
        }
    }
}

extension SeriesFile {
    /// How long after the completion of a file the response to its last chunk is repeated.
    static let repeatLifetime: Duration = .hours(1)
}
