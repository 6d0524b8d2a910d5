import Entitlements
import Identity
import Modules
import NIOCore
import Secrets

/// What the gate lets a sender of files do.
enum UploadAllowance: Sendable {
    /// Another file has room in the quota.
    case another(Charge)
    /// None has. But a file came lately, and the answer to its last chunk may have been lost: whoever sends that again is told what they were told
    /// at first, and everybody else this refusal.
    case again(Problem)
}

/// Room for another upload, or a file of this organisation that came so lately that its answer may be asked for again.
struct UploadRequirement: Requirement {
    let quota: QuotaRequirement
    let uploads: UploadService
    let member: Member

    var phase: RequestPhase { quota.phase }
    var problems: [Problem.Kind] { quota.problems }
    var summary: RequirementSummary { quota.summary }

    func check(_ call: Request) async throws(Problem) -> UploadAllowance {
        do throws(Problem) { return .another(try await quota.check(call)) } catch {
            // An explanation is about another upload, and not about an old one.
            guard error.kind == .quotaExceeded, !call.isDryRun else { throw error }
            let organisation = try await member.scope(of: call).organisation
            guard
                try await uploads.database.read({
                    try $0.hasSeriesFile(of: organisation, since: $0.now - SeriesFile.answerLifetime)
                })
            else { throw error }
            return .again(error)
        }
    }
}

extension SeriesFile {
    /// So long after a file has come its sender may ask again what was answered, although no upload is left.
    static let answerLifetime: Duration = .hours(1)
}

extension UploadService {
    /// Answers a chunk, or a whole file, that was answered before. Nothing is kept, and nothing is charged.
    /// - Throws: `refusal`, whatever else is wrong with the request: it comes before anything of the body.
    func answerAgain(
        _ incoming: RawBody.Incoming, isWhole: Bool, scope: Scope, standing: EntitlementSnapshot, refusal: Problem
    ) async throws(Problem) -> ChunkReceived {
        let answer: ChunkReceived?
        do throws(Problem) {
            answer = try await Problem.catching {
                try await self.earlierAnswer(
                    to: incoming, isWhole: isWhole, scope: scope, limit: standing.plan.fileBytes.bound)
            }
        } catch { throw error.kind.status < 500 ? refusal : error }
        guard let answer else { throw refusal }
        return answer
    }

    /// - Returns: nil for a request that was not answered lately; what the metadata excludes already, none of the file is read for.
    private func earlierAnswer(to incoming: RawBody.Incoming, isWhole: Bool, scope: Scope, limit: Int64) async throws
        -> ChunkReceived?
    {
        var reader = try self.reader(of: incoming, limit: limit)
        var found: (ChunkDescription, SeriesFile)?
        var digest: Digest?
        while let part = try await reader.next() {
            switch part.name {
            case "metadata":
                let description = try ChunkDescription(
                    try await reader.collectText(upTo: Self.maximumMetadata), isWhole: isWhole)
                guard let file = try await complete(description, scope) else { return nil }
                found = (description, file)
            case "chunk", "file", "fileChunk":
                guard digest == nil else { return nil }
                var own = Digest()
                var received: Int64 = 0
                while let piece = try await reader.read() {
                    received += Int64(piece.readableBytes)
                    guard received <= limit else { return nil }
                    own.update(Array(buffer: piece))
                }
                digest = own
            default: _ = try await reader.collectText(upTo: Self.maximumMetadata)
            }
        }
        guard let (description, file) = found, let digest else { return nil }
        // Of several chunks none but the first begins a file anew; a single one is the file, and is held against it.
        guard description.totalChunks == 1 ? digest.hex() == file.digest : description.chunkIndex > 0 else {
            return nil
        }
        return ChunkReceived(repeated: file, chunks: description.totalChunks)
    }

    /// The file that a chunk belongs to, where it came lately and none of its name is on its way.
    private func complete(_ description: ChunkDescription, _ scope: Scope) async throws(Problem) -> SeriesFile? {
        try await database.read { transaction in
            let kind = description.settings.kind ?? .input
            let session = try transaction.trainingSession(description.sessionId, in: scope)
            guard try transaction.upload(of: session, named: description.fileName, kind: kind) == nil,
                let file = try transaction.seriesFile(named: description.fileName, kind, of: session),
                transaction.now - file.createdAt < SeriesFile.answerLifetime
            else { return nil }
            return file
        }
    }
}
