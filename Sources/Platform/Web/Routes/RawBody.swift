package import Base
import HTTPTypes
import NIOCore

/// The raw body, for routes that read it in chunks. It is the last step, so nothing of the body is read before the
/// others pass. While it arrives they are evaluated again: see ``Admission``.
package struct RawBody: Requirement {
    /// An unread body and its media type.
    package struct Incoming: Sendable {
        package let contentType: String
        package let body: RequestBody
    }

    let mediaType: String
    let schema: Schema
    package var phase: RequestPhase { .body }
    package var problems: [Problem.Kind] { [.unsupportedMediaType, .payloadTooLarge, .invalidPayload] }
    package var summary: RequirementSummary {
        RequirementSummary(.body, mediaType, schema: schema, mediaType: mediaType)
    }

    package func check(_ request: Request) throws(Problem) -> Incoming {
        try request.checkBodyCoding()
        let contentType = request.headers[.contentType] ?? ""
        guard contentType.lowercased().hasPrefix(mediaType) else {
            throw Problem(.unsupportedMediaType, detail: "Send \(mediaType).")
        }
        let steps = request.context.value(of: RepeatedSteps.self)?.steps ?? []
        return Incoming(contentType: contentType, body: request.checkedBody(steps))
    }
}

extension Requirement where Self == RawBody {
    /// Text without a form, such as the packets of another protocol.
    package static var plainText: Self { RawBody(mediaType: "text/plain", schema: .string()) }

    /// A form of text parts and one file (RFC 7578).
    package static func multipart(texts: [String], file: String) -> Self {
        let parts = texts.map { Schema.Object.Property(name: $0, schema: .string(), isRequired: true) }
        let content = Schema.Object.Property(name: file, schema: .string(format: "binary"), isRequired: true)
        return RawBody(
            mediaType: "multipart/form-data",
            schema: .object(Schema.Object(properties: parts + [content], isOpen: true)))
    }
}
