package import Base
import HTTPTypes

/// A file as an attachment of which a client may ask for a range: 206 with it, 416 where the file has no byte of it,
/// 304 where the client has the file already (RFC 9110, sections 13 and 14).
package struct RangedDownload: ResponseConvertible {
    private let file: OpenFile
    private let size: Int64
    private let name: String
    private let tag: String
    private let conditions: RangeConditions

    /// - Parameters:
    ///   - name: the file name for `Content-Disposition`.
    ///   - version: letters and digits that differ between contents of the file: of a strong entity tag.
    package init(_ file: OpenFile, size: Int64, name: String, version: String, _ conditions: RangeConditions) {
        self.file = file
        self.size = size
        self.name = name
        tag = "\"\(version)\""
        self.conditions = conditions
    }

    package static var documented: [DocumentedResponse] {
        Download.documented + [
            DocumentedResponse(206, "The range of the file", mediaType: "application/octet-stream"),
            DocumentedResponse(304, "Not modified"),
        ]
    }

    package func response() throws(Problem) -> Response {
        var headers: HTTPFields = [
            .contentType: "application/octet-stream", .contentDisposition: Download.disposition(of: name),
            .acceptRanges: "bytes", .eTag: tag, .cacheControl: "no-cache",
        ]
        if EntityTag(text: tag).matches(conditions.ifNoneMatch) {
            headers[.contentType] = nil
            headers[.contentDisposition] = nil
            return Response(status: .notModified, headers: headers)
        }
        // A range of another version would be put beside bytes of this one.
        let isCurrent = conditions.ifRange.map { $0 == tag } ?? true
        switch ByteRange(isCurrent ? conditions.range : nil, size: size) {
        case .whole: return Response(status: .ok, headers: headers, body: .openFile(file, range: 0..<size))
        case .part(let range):
            headers[.contentRange] = "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(size)"
            return Response(status: .partialContent, headers: headers, body: .openFile(file, range: range))
        case .unsatisfiable:
            throw Problem(
                .rangeNotSatisfiable, detail: "The file has \(size) bytes.",
                headers: ["Content-Range": "bytes */\(size)"])
        }
    }
}

/// The header fields of a request for a range of a file.
package struct RangeConditions: Requirement {
    var range: String?
    var ifRange: String?
    var ifNoneMatch: String?

    package init() {}

    package var phase: RequestPhase { .body }
    package var problems: [Problem.Kind] { [.rangeNotSatisfiable] }
    package var summary: RequirementSummary {
        RequirementSummary(.header, HTTPField.Name.range.rawName, schema: .string(maxLength: 100), isRequired: false)
    }

    package func check(_ request: Request) -> RangeConditions {
        var conditions = self
        conditions.range = request.headers[.range]
        conditions.ifRange = request.headers[.ifRange]
        conditions.ifNoneMatch = request.headers[.ifNoneMatch]
        return conditions
    }
}

extension Requirement where Self == RangeConditions {
    /// `Range`, `If-Range` and `If-None-Match` of a request for a file.
    package static var range: Self { RangeConditions() }
}

extension Problem.Kind {
    package static let rangeNotSatisfiable = Self(
        "range-not-satisfiable", "The file does not have this range", status: 416)
}
