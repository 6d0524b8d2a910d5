import HTTPTypes
import Modules
import NIOCore

/// A session as Markdown.
struct MarkdownFile: ResponseConvertible {
    private let name: String
    private let text: String

    init(_ export: AssistantSessionExport) {
        name = "session-\(export.session.id).md"
        // A heading ends with its line.
        let title = export.session.name.split(whereSeparator: \.isNewline).joined(separator: " ")
        let head = "# \(title)\n\nModel: \(export.session.model). Created: \(export.session.createdAt).\n"
        text = export.messages.reduce(into: head) { text, message in
            let note = message.messageMetadata.isInterrupted ? "\n\n*(interrupted)*" : ""
            text += "\n## \(Self.title(of: message.role)), \(message.createdAt)\n\n\(message.content)\(note)\n"
        }
    }

    private static func title(of role: String) -> String { role.prefix(1).uppercased() + role.dropFirst() }

    static var documented: [DocumentedResponse] {
        [DocumentedResponse(200, "The file", mediaType: "text/markdown")]
    }

    func response() -> Response {
        Response(
            status: .ok,
            headers: [
                .contentType: "text/markdown; charset=utf-8",
                .contentDisposition: "attachment; filename=\"\(name)\"",
            ],
            body: .buffer(ByteBuffer(string: text)))
    }
}
