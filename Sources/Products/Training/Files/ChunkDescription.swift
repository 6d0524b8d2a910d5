import Forecasting
import Foundation
import Modules

/// The part `metadata` of an upload: the position of the chunk and the settings of the file.
///
/// Settings are read from the top level and from `additionalData.fileMetadata`, which wins, under the names of
/// ``SeriesSettings`` and under those of the page's own records (``SeriesMemberNames``). Unknown members are refused.
struct ChunkDescription: Sendable {
    let sessionId: String
    let fileName: String
    let chunkIndex: Int64
    let totalChunks: Int64
    let settings: SeriesSettings

    /// Decodes and validates the text of the part, with the bounds of the endpoints that take the same members as JSON.
    /// - Parameter isWhole: whether the chunk is the whole file; `chunkIndex` and `totalChunks` are then ignored.
    /// - Throws: `invalid-payload` or `validation-failed`, with pointers to the members as they were sent;
    ///   `unusable-file` for an unknown time zone.
    init(_ text: String, isWhole: Bool) throws(Problem) {
        let members = try Self.members(of: text)
        var faults: [Problem.Fault] = []
        let position = Self.position.read(
            members.filter { Self.position.names.contains($0.key) }, at: "/metadata", &faults)
        var ownMembers = members.filter { !Self.position.names.contains($0.key) && $0.key != "additionalData" }
        ownMembers = ownMembers.filter { !SeriesMemberNames.ofTransport.contains($0.key) }
        let top = NamedSettings(ownMembers, at: "/metadata", &faults)
        let nested = Self.nested(members["additionalData"], &faults)
        let (index, total) = isWhole ? (0, 1) : (position?.chunkIndex ?? -1, position?.totalChunks ?? 0)
        if faults.isEmpty {
            if position?.fileName.unicodeScalars.contains(where: { $0.value < 32 }) ?? true {
                faults.append(.init("/metadata/fileName", "must have no control characters"))
            }
            if total < 1 { faults.append(.init("/metadata/totalChunks", "is required")) }
            if !(0..<max(1, total)).contains(index) {
                faults.append(.init("/metadata/chunkIndex", "must be from 0 to totalChunks - 1"))
            }
        }
        guard faults.isEmpty, let position else { throw Problem.invalid(faults) }
        (sessionId, fileName, chunkIndex, totalChunks) = (position.sessionId, position.fileName, index, total)
        settings = top.settings.changed(by: nested.settings)
        // The import comes with the last chunk, and would refuse the zone after all of them.
        if let zone = settings.timeZone, TimeZone(identifier: zone) == nil {
            throw Problem.unusable(.unknownTimeZone(zone))
        }
        try settings.check(kind: .input) { nested.pointers[$0] ?? top.pointers[$0] ?? "/metadata/\($0.rawValue)" }
    }

    /// As strict as for a JSON body: a member that is there twice is refused.
    private static func members(of text: String) throws(Problem) -> [String: JSONValue] {
        let metadata: JSONValue
        do { metadata = try JSONValue(parsing: text.utf8) } catch {
            throw Problem(
                .invalidPayload, detail: "The part 'metadata' is not a JSON object: \(error).", cause: error)
        }
        guard let members = metadata.object else {
            throw Problem(.invalidPayload, detail: "The part 'metadata' is not a JSON object.")
        }
        return members
    }

    private static func nested(_ additional: JSONValue?, _ faults: inout [Problem.Fault]) -> NamedSettings {
        let pointer = "/metadata/additionalData"
        guard let additional, additional != .null else { return NamedSettings() }
        guard var members = additional.object else {
            faults.append(.init(pointer, "must be an object"))
            return NamedSettings()
        }
        let own = members.removeValue(forKey: "fileMetadata") ?? .null
        for name in members.keys.sorted() {
            faults.append(.init(pointer + Problem.Fault.step(name), "is not a known member"))
        }
        guard own != .null else { return NamedSettings() }
        guard let settings = own.object else {
            faults.append(.init(pointer + "/fileMetadata", "must be an object"))
            return NamedSettings()
        }
        return NamedSettings(settings, at: pointer + "/fileMetadata", &faults)
    }

    private static let position = MemberReader<ChunkPosition>()
}

/// The session, file and position of a chunk.
private struct ChunkPosition: Payload {
    var sessionId: String
    var fileName: String
    var chunkIndex: Int64?
    var totalChunks: Int64?

    static let naming = Naming.asDeclared
    static let rules: [String: Rule] = [
        "sessionId": .length(1...128), "fileName": .length(1...255), "chunkIndex": .range(0...Upload.maximumChunks - 1),
        "totalChunks": .range(1...Upload.maximumChunks),
    ]
}
