package import Base
import HTTPTypes
import NIOCore

/// What a handler returns. It converts itself to a response and documents the responses it may become.
package protocol ResponseConvertible: Sendable {
    static var documented: [DocumentedResponse] { get }
    func response() throws(Problem) -> Response
}

/// A successful response of a route.
package struct DocumentedResponse: Sendable {
    package let status: Int
    package let description: String
    package let mediaType: String?
    package let payload: (any Payload.Type)?

    package init(_ status: Int, _ description: String, mediaType: String? = nil, payload: (any Payload.Type)? = nil) {
        self.status = status
        self.description = description
        self.mediaType = mediaType
        self.payload = payload
    }
}

extension Payload {
    package static var documented: [DocumentedResponse] {
        [DocumentedResponse(200, "Done", mediaType: "application/json", payload: Self.self)]
    }

    package func response() throws(Problem) -> Response {
        var response = Response(json: try encoded())
        if let listTotal { response.headers[.xTotalCount] = String(listTotal) }
        return response
    }
}

/// A payload encoded once, for a response that is sent many times.
package struct PreencodedResponse<Body: Payload>: ResponseConvertible {
    package let body: Body
    private let json: ByteBuffer

    package init(_ body: Body) throws(Problem) {
        self.body = body
        json = try body.encoded()
    }

    package static var documented: [DocumentedResponse] { Body.documented }
    package func response() -> Response {
        var response = Response(json: json)
        if let listTotal = body.listTotal { response.headers[.xTotalCount] = String(listTotal) }
        return response
    }
}

extension NoContent {
    package static var documented: [DocumentedResponse] { [DocumentedResponse(204, "Done")] }
    package func response() -> Response { Response(status: .noContent) }
}

/// A payload that describes a new resource: 201.
package struct Created<Body: Payload>: ResponseConvertible {
    package let body: Body
    package init(_ body: Body) { self.body = body }

    package static var documented: [DocumentedResponse] {
        [DocumentedResponse(201, "Created", mediaType: "application/json", payload: Body.self)]
    }
    package func response() throws(Problem) -> Response {
        var response = try body.response()
        response.status = .created
        return response
    }
}

/// A payload that describes a job: 202, with the URL of the job in `Location`.
package struct Accepted<Body: Payload>: ResponseConvertible {
    package let body: Body
    package let location: String

    package init(_ body: Body, follow location: String) {
        self.body = body
        self.location = location
    }

    package static var documented: [DocumentedResponse] {
        [DocumentedResponse(202, "Accepted; follow the job", mediaType: "application/json", payload: Body.self)]
    }
    package func response() throws(Problem) -> Response {
        var response = try body.response()
        response.status = .accepted
        response.headers[.location] = location
        return response
    }
}

/// One of two responses.
package enum Either<First: ResponseConvertible, Second: ResponseConvertible>: ResponseConvertible {
    case first(First)
    case second(Second)

    package static var documented: [DocumentedResponse] { First.documented + Second.documented }
    package func response() throws(Problem) -> Response {
        switch self {
        case .first(let first): try first.response()
        case .second(let second): try second.response()
        }
    }
}

/// A file as an attachment, streamed from disk.
package struct Download: ResponseConvertible {
    let path: String
    let size: Int64
    let name: String
    let mediaType: String

    /// - Parameters:
    ///   - path: opened when the response is written.
    ///   - name: the file name for `Content-Disposition`.
    package init(path: String, size: Int64, name: String, mediaType: String = "application/octet-stream") {
        self.path = path
        self.size = size
        self.name = name
        self.mediaType = mediaType
    }

    package static var documented: [DocumentedResponse] {
        [DocumentedResponse(200, "The file", mediaType: "application/octet-stream")]
    }
    package func response() -> Response {
        let safe = String(
            name.unicodeScalars.map {
                ($0.value > 32 && $0.value < 127 && !"\"\\;/".unicodeScalars.contains($0)) ? Character($0) : "_"
            })
        return Response(
            status: .ok,
            headers: [
                .contentType: mediaType, .contentDisposition: "attachment; filename=\"\(safe)\"",
            ],
            body: .file(path: path, range: 0..<size)
        )
    }
}

/// A payload as an attachment.
package struct Attachment<Body: Payload>: ResponseConvertible {
    let body: Body
    let name: String

    package init(_ body: Body, name: String) {
        self.body = body
        self.name = name
    }

    package static var documented: [DocumentedResponse] {
        [DocumentedResponse(200, "The file", mediaType: "application/json", payload: Body.self)]
    }
    package func response() throws(Problem) -> Response {
        var response = try body.response()
        response.headers[.contentDisposition] = "attachment; filename=\"\(name)\""
        return response
    }
}

/// Plain text.
package struct PlainText: ResponseConvertible {
    let text: String
    let mediaType: String

    package init(_ text: String, mediaType: String = "text/plain; charset=utf-8") {
        self.text = text
        self.mediaType = mediaType
    }

    package static var documented: [DocumentedResponse] { [DocumentedResponse(200, "Text", mediaType: "text/plain")] }
    package func response() -> Response { Response(text: text, mediaType: mediaType) }
}

/// The stylesheet of HTML pages.
package struct Stylesheet: ResponseConvertible {
    let css: String
    package init(_ css: String) { self.css = css }

    package static var documented: [DocumentedResponse] {
        [DocumentedResponse(200, "A stylesheet", mediaType: "text/css")]
    }
    package func response() -> Response { Response(text: css, mediaType: "text/css; charset=utf-8") }
}

/// The encoded OpenAPI document.
package struct OpenAPIDocument: ResponseConvertible {
    let text: String
    package init(_ text: String) { self.text = text }

    package static var documented: [DocumentedResponse] {
        [DocumentedResponse(200, "The document", mediaType: "application/json")]
    }
    package func response() -> Response { Response(json: ByteBuffer(string: text)) }
}

/// An HTML page. Its Content-Security-Policy permits no script and nothing from another origin.
package struct Page: ResponseConvertible {
    let html: String
    package init(_ html: String) { self.html = html }

    package static var documented: [DocumentedResponse] { [DocumentedResponse(200, "A page", mediaType: "text/html")] }
    package func response() -> Response {
        var response = Response(text: html, mediaType: "text/html; charset=utf-8")
        response.headers[.contentSecurityPolicy] =
            "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; "
            + "frame-ancestors 'none'"
        response.headers[.referrerPolicy] = "no-referrer"
        return response
    }
}
