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
