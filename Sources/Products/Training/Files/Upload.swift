import Foundation
import Identity
import Modules

/// A file on its way in, in numbered chunks that may come in any order after the first, and more than once.
struct Upload: Sendable {
    let id: ID<Upload>
    let organisation: ID<Organisation>
    let session: ID<TrainingSession>
    let fileName: String
    let kind: SeriesFile.Kind
    let chunkCount: Int64

    init(row: Row) throws {
        id = try row["id"]
        organisation = try row["organisation_id"]
        session = try row["session_id"]
        fileName = try row["file_name"]
        kind = try row["kind"]
        chunkCount = try row["chunk_count"]
    }

    /// More chunks than this are refused.
    static let maximumChunks: Int64 = 10_000
    /// An upload that nobody finished is thrown away after this long.
    static let lifetime: Duration = .hours(24)
    /// How long putting a file together may take before another request may try.
    static let assemblyLease: Duration = .minutes(10)
}

/// What a client says of a chunk in the part named `metadata`. Clients send more than is read here, and may put the settings of the
/// file at the top or under `additionalData.fileMetadata`.
struct ChunkDescription: Decodable, Sendable {
    struct Additional: Decodable, Sendable {
        var fileMetadata: SeriesSettings?
    }

    var sessionId: String
    var fileName: String
    var chunkIndex: Int64?
    var totalChunks: Int64?
    var additionalData: Additional?
    private(set) var settings = SeriesSettings()

    enum CodingKeys: String, CodingKey { case sessionId, fileName, chunkIndex, totalChunks, additionalData }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        sessionId = try container.decode(String.self, forKey: .sessionId)
        fileName = try container.decode(String.self, forKey: .fileName)
        chunkIndex = try container.decodeIfPresent(Int64.self, forKey: .chunkIndex)
        totalChunks = try container.decodeIfPresent(Int64.self, forKey: .totalChunks)
        additionalData = try container.decodeIfPresent(Additional.self, forKey: .additionalData)
        settings = try SeriesSettings(from: decoder).changed(by: additionalData?.fileMetadata ?? SeriesSettings())
    }

    /// Reads the part's text and holds it against its bounds.
    /// - Throws: `invalid-payload` or `validation-failed`, with pointers into the metadata.
    static func read(_ text: String, isWhole: Bool) throws(Problem) -> ChunkDescription {
        var description: ChunkDescription
        do {
            description = try JSONDecoder().decode(ChunkDescription.self, from: Data(text.utf8))
        } catch let DecodingError.keyNotFound(key, _) {
            throw Problem.invalid("/metadata/\(key.stringValue)", "is required")
        } catch let DecodingError.typeMismatch(_, context) {
            throw Problem.invalid("/metadata/" + context.codingPath.map(\.stringValue).joined(separator: "/"), "has the wrong type")
        } catch {
            throw Problem(.invalidPayload, detail: "The part 'metadata' is not the JSON object that is expected.", cause: error)
        }
        if isWhole { (description.chunkIndex, description.totalChunks) = (0, 1) }
        var faults: [Problem.Fault] = []
        if !(1...128).contains(description.sessionId.unicodeScalars.count) { faults.append(.init("/metadata/sessionId", "must have 1 to 128 characters")) }
        if !(1...255).contains(description.fileName.unicodeScalars.count) || description.fileName.unicodeScalars.contains(where: { $0.value < 32 }) {
            faults.append(.init("/metadata/fileName", "must have 1 to 255 characters, none of them control characters"))
        }
        let total = description.totalChunks ?? 0
        if !(1...Upload.maximumChunks).contains(total) { faults.append(.init("/metadata/totalChunks", "must be from 1 to \(Upload.maximumChunks)")) }
        if let index = description.chunkIndex, (0..<max(1, total)).contains(index) {} else {
            faults.append(.init("/metadata/chunkIndex", "must be from 0 to totalChunks - 1"))
        }
        guard faults.isEmpty else { throw Problem.invalid(faults) }
        try description.settings.check()
        return description
    }
}
