import Foundation
import Modules

/// What a client says of a chunk in the part named `metadata`. Clients send more than is read here, and may put the settings of the
/// file at the top or under `additionalData.fileMetadata`.
struct ChunkDescription: Sendable {
    let sessionId: String
    let fileName: String
    let chunkIndex: Int64
    let totalChunks: Int64
    let settings: SeriesSettings

    /// Reads the part's text and holds it against its bounds, which are those of the doors that take the same as JSON.
    /// - Parameter isWhole: whether the chunk is the whole file, whatever its numbers say.
    /// - Throws: `invalid-payload` or `validation-failed`, with pointers into the metadata.
    init(_ text: String, isWhole: Bool) throws(Problem) {
        guard let metadata = try? JSONDecoder().decode(JSONValue.self, from: Data(text.utf8)), metadata.object != nil
        else {
            throw Problem(.invalidPayload, detail: "The part 'metadata' is not the JSON object that is expected.")
        }
        var faults: [Problem.Fault] = []
        let place = Self.place.read(metadata, at: "/metadata", &faults)
        let top = Self.settings.read(metadata, at: "/metadata", &faults)
        var nested: SeriesSettings?
        if let additional = metadata["additionalData"]?["fileMetadata"], additional != .null {
            nested = Self.settings.read(additional, at: "/metadata/additionalData/fileMetadata", &faults)
        }
        let (index, total) = isWhole ? (0, 1) : (place?.chunkIndex ?? -1, place?.totalChunks ?? 0)
        if faults.isEmpty {
            if place?.fileName.unicodeScalars.contains(where: { $0.value < 32 }) ?? true {
                faults.append(.init("/metadata/fileName", "must have no control characters"))
            }
            if total < 1 { faults.append(.init("/metadata/totalChunks", "is required")) }
            if !(0..<max(1, total)).contains(index) {
                faults.append(.init("/metadata/chunkIndex", "must be from 0 to totalChunks - 1"))
            }
        }
        guard faults.isEmpty, let place, let top else { throw Problem.invalid(faults) }
        (sessionId, fileName, chunkIndex, totalChunks) = (place.sessionId, place.fileName, index, total)
        settings = top.changed(by: nested ?? SeriesSettings())
        try settings.check()
    }

    private static let place = KnownMembers<ChunkPlace>()
    private static let settings = KnownMembers<SeriesSettings>()
}

/// Where a chunk belongs.
private struct ChunkPlace: Payload {
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

/// Reads a payload out of an object that may hold more than the payload knows.
private struct KnownMembers<Value: Payload>: Sendable {
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

    /// - Returns: nil where `faults` has grown.
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
