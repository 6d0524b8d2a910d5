import Foundation
import Modules

/// The part `metadata` of an upload: the position of the chunk and the settings of the file.
///
/// Unknown members are ignored. Settings are read from the top level and from `additionalData.fileMetadata`, which
/// wins.
struct ChunkDescription: Sendable {
    let sessionId: String
    let fileName: String
    let chunkIndex: Int64
    let totalChunks: Int64
    let settings: SeriesSettings

    /// Decodes and validates the text of the part, with the bounds of the endpoints that take the same members as JSON.
    /// - Parameter isWhole: whether the chunk is the whole file; `chunkIndex` and `totalChunks` are then ignored.
    /// - Throws: `invalid-payload` or `validation-failed`, with pointers into the metadata.
    init(_ text: String, isWhole: Bool) throws(Problem) {
        guard let metadata = try? JSONDecoder().decode(JSONValue.self, from: Data(text.utf8)), metadata.object != nil
        else {
            throw Problem(.invalidPayload, detail: "The part 'metadata' is not a JSON object.")
        }
        var faults: [Problem.Fault] = []
        let position = Self.position.read(metadata, at: "/metadata", &faults)
        let top = Self.settings.read(metadata, at: "/metadata", &faults)
        var nested: SeriesSettings?
        if let additional = metadata["additionalData"]?["fileMetadata"], additional != .null {
            nested = Self.settings.read(additional, at: "/metadata/additionalData/fileMetadata", &faults)
        }
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
        guard faults.isEmpty, let position, let top else { throw Problem.invalid(faults) }
        (sessionId, fileName, chunkIndex, totalChunks) = (position.sessionId, position.fileName, index, total)
        settings = top.changed(by: nested ?? SeriesSettings())
        try settings.check()
    }

    private static let position = LenientReader<ChunkPosition>()
    private static let settings = LenientReader<SeriesSettings>()
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

/// Decodes a payload from a JSON object and ignores members that the payload has not.
private struct LenientReader<Value: Payload>: Sendable {
    private let schema: Schema
    private let components: [String: Schema]
    private let names: Set<String>
    private let decoder = PayloadDecoder(for: Value.self)

    init() {
        let reader = SchemaReader()
        schema = reader.schema(of: Value.self)
        components = reader.components
        var names: Set<String> = []
        if case .reference(let name) = schema, case .object(let shape)? = components[name] {
            names = Set(shape.properties.map(\.name))
        }
        self.names = names
    }

    /// - Returns: nil where faults were appended to `faults`.
    func read(_ value: JSONValue, at pointer: String, _ faults: inout [Problem.Fault]) -> Value? {
        let known = value.object.map { JSONValue.object($0.filter { names.contains($0.key) }) } ?? value
        let found = schema.faults(in: known, components: components, at: pointer)
        faults += found
        guard found.isEmpty else { return nil }
        do {
            return try decoder.decode(Value.self, from: known)
        } catch {
            faults.append(.init(pointer, error.detail ?? error.title))
            return nil
        }
    }
}
