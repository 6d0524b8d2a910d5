import Modules

/// A file of JSON lines, which is made while it is sent.
struct AuditExport: ResponseConvertible {
    private let text: StreamedText

    /// - Parameter lines: as ``StreamedText``'s chunks.
    init(_ name: String, lines: @escaping @Sendable () -> () async throws -> String?) {
        text = StreamedText(name, mediaType: "application/x-ndjson", chunks: lines)
    }

    static var documented: [DocumentedResponse] {
        [DocumentedResponse(200, "The entries and their proofs", mediaType: "application/x-ndjson")]
    }

    func response() -> Response { text.response() }
}
