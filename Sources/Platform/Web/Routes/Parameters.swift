package import Base
package import HTTPTypes
import NIOCore

/// An id in the path, read by the gate and handed to the handler like any other proof. What is no id cannot be found: 404.
package struct PathID<Subject>: Requirement {
    let name: String
    package var stage: GateStage { .input }
    package var problems: [Problem.Kind] { [.notFound] }
    package var summary: GateSummary { GateSummary(.path, name, schema: ID<Subject>.schema) }

    package func check(_ call: Request) throws(Problem) -> ID<Subject> {
        guard let id = call.parameters[name].flatMap({ ID<Subject>($0) }) else { throw Problem(.notFound) }
        return id
    }
}

/// A piece of text in the path: 1 to 255 characters.
package struct PathText: Requirement {
    let name: String
    package var stage: GateStage { .input }
    package var problems: [Problem.Kind] { [.notFound] }
    package var summary: GateSummary { GateSummary(.path, name, schema: .string(minLength: 1, maxLength: 255)) }

    package func check(_ call: Request) throws(Problem) -> String {
        guard let text = call.parameters[name], (1...255).contains(text.unicodeScalars.count),
            !text.unicodeScalars.contains("\0")
        else {
            throw Problem(.notFound)
        }
        return text
    }
}

/// A whole number in the query, with bounds and a default.
package struct QueryNumber: Requirement {
    let name: String
    let range: ClosedRange<Int>
    let fallback: Int
    package var stage: GateStage { .input }
    package var problems: [Problem.Kind] { [.validationFailed] }
    package var summary: GateSummary {
        GateSummary(
            .query, name, schema: .integer(minimum: Int64(range.lowerBound), maximum: Int64(range.upperBound)),
            isRequired: false)
    }

    package func check(_ call: Request) throws(Problem) -> Int {
        guard let text = call.query[name] else { return fallback }
        guard let number = Int(text), range.contains(number) else {
            throw Problem.invalid(
                "/query/\(name)", "must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }
}

/// A piece of text in the query, absent unless given.
package struct QueryText: Requirement {
    let name: String
    let schema: Schema
    package var stage: GateStage { .input }
    package var problems: [Problem.Kind] { [.validationFailed] }
    package var summary: GateSummary { GateSummary(.query, name, schema: schema, isRequired: false) }

    package func check(_ call: Request) throws(Problem) -> String? {
        guard let text = call.query[name] else { return nil }
        let faults = schema.faults(in: .string(text), components: [:], at: "/query/\(name)")
        guard faults.isEmpty else { throw Problem.invalid(faults) }
        return text
    }
}

/// A header field that a client may send.
package struct HeaderText: Requirement {
    let name: HTTPField.Name
    let maximumLength: Int
    package var stage: GateStage { .input }
    package var problems: [Problem.Kind] { [.invalidRequest] }
    package var summary: GateSummary {
        GateSummary(.header, name.rawName, schema: .string(maxLength: maximumLength), isRequired: false)
    }

    package func check(_ call: Request) throws(Problem) -> String? {
        guard let text = call.headers[name] else { return nil }
        guard text.utf8.count <= maximumLength else {
            throw Problem(.invalidRequest, detail: "The header \(name.rawName) takes at most \(maximumLength) bytes.")
        }
        return text
    }
}

extension Requirement {
    package static func path<Subject>(_ name: String, of _: Subject.Type) -> Self where Self == PathID<Subject> {
        PathID(name: name)
    }
    package static func path(_ name: String) -> Self where Self == PathText { PathText(name: name) }
    package static func query(_ name: String, _ range: ClosedRange<Int>, default fallback: Int) -> Self
    where Self == QueryNumber {
        QueryNumber(name: name, range: range, fallback: fallback)
    }
    package static func query(_ name: String, oneOf values: [String]) -> Self where Self == QueryText {
        QueryText(name: name, schema: .enumeration(values))
    }
    package static func query(_ name: String, upTo length: Int) -> Self where Self == QueryText {
        QueryText(name: name, schema: .string(maxLength: length))
    }
    package static func header(_ name: HTTPField.Name, upTo length: Int = 255) -> Self where Self == HeaderText {
        HeaderText(name: name, maximumLength: length)
    }
}

/// The raw body, for doors that read it piece by piece. The gate has let the caller through before a byte of it is read.
package struct RawBody: Requirement {
    /// A body as it comes in, with what is needed to understand it.
    package struct Incoming: Sendable {
        package let contentType: String
        package let body: RequestBody
    }

    let mediaType: String
    let schema: Schema
    package var stage: GateStage { .input }
    package var problems: [Problem.Kind] { [.unsupportedMediaType, .payloadTooLarge, .invalidPayload] }
    package var summary: GateSummary { GateSummary(.body, mediaType, schema: schema, mediaType: mediaType) }

    package func check(_ call: Request) throws(Problem) -> Incoming {
        let contentType = call.headers[.contentType] ?? ""
        guard contentType.lowercased().hasPrefix(mediaType) else {
            throw Problem(.unsupportedMediaType, detail: "Send \(mediaType).")
        }
        return Incoming(contentType: contentType, body: call.body)
    }
}

extension Requirement where Self == RawBody {
    /// A form of text parts and one file (RFC 7578).
    package static func multipart(texts: [String], file: String) -> Self {
        let parts = texts.map { Schema.Object.Property(name: $0, schema: .string(), isRequired: true) }
        let content = Schema.Object.Property(name: file, schema: .string(format: "binary"), isRequired: true)
        return RawBody(
            mediaType: "multipart/form-data",
            schema: .object(Schema.Object(properties: parts + [content], isOpen: true)))
    }
}
