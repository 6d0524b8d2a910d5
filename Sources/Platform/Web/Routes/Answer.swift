package import Base
import HTTPTypes
import NIOCore

/// What a handler returns: it writes itself as a reply, and documents beforehand what that reply may look like.
package protocol Answer: Sendable {
    static var documented: [DocumentedAnswer] { get }
    func reply() throws(Problem) -> Reply
}

/// One way in which a door answers when all is well.
package struct DocumentedAnswer: Sendable {
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
    package static var documented: [DocumentedAnswer] { [DocumentedAnswer(200, "Done", mediaType: "application/json", payload: Self.self)] }

    package func reply() throws(Problem) -> Reply {
        Reply(json: try encoded())
    }
}

/// A payload that was written before: for an answer that is given many times.
package struct Written<Body: Payload>: Answer {
    package let body: Body
    private let json: ByteBuffer

    package init(_ body: Body) throws(Problem) {
        self.body = body
        json = try body.encoded()
    }

    package static var documented: [DocumentedAnswer] { Body.documented }
    package func reply() -> Reply { Reply(json: json) }
}

extension Nothing {
    package static var documented: [DocumentedAnswer] { [DocumentedAnswer(204, "Done; there is nothing to say")] }
    package func reply() -> Reply { Reply(status: .noContent) }
}

/// A payload that tells of something new: 201.
package struct Created<Body: Payload>: Answer {
    package let body: Body
    package init(_ body: Body) { self.body = body }

    package static var documented: [DocumentedAnswer] { [DocumentedAnswer(201, "Created", mediaType: "application/json", payload: Body.self)] }
    package func reply() throws(Problem) -> Reply {
        var reply = try body.reply()
        reply.status = .created
        return reply
    }
}

/// A payload that tells of work to follow: 202, with the place to follow it in `Location`.
package struct Accepted<Body: Payload>: Answer {
    package let body: Body
    package let location: String

    package init(_ body: Body, follow location: String) {
        self.body = body
        self.location = location
    }

    package static var documented: [DocumentedAnswer] { [DocumentedAnswer(202, "Accepted; follow the job", mediaType: "application/json", payload: Body.self)] }
    package func reply() throws(Problem) -> Reply {
        var reply = try body.reply()
        reply.status = .accepted
        reply.headers[.location] = location
        return reply
    }
}

/// One answer or another.
package enum Either<First: Answer, Second: Answer>: Answer {
    case first(First)
    case second(Second)

    package static var documented: [DocumentedAnswer] { First.documented + Second.documented }
    package func reply() throws(Problem) -> Reply {
        switch self {
        case .first(let answer): try answer.reply()
        case .second(let answer): try answer.reply()
        }
    }
}

/// A file to keep, streamed from disk.
package struct Download: Answer {
    let path: String
    let size: Int64
    let name: String
    let mediaType: String

    /// - Parameters:
    ///   - path: where the file lies; it is opened when the reply is written.
    ///   - name: what the client shall call it.
    package init(path: String, size: Int64, name: String, mediaType: String = "application/octet-stream") {
        self.path = path
        self.size = size
        self.name = name
        self.mediaType = mediaType
    }

    package static var documented: [DocumentedAnswer] { [DocumentedAnswer(200, "The file", mediaType: "application/octet-stream")] }
    package func reply() -> Reply {
        let safe = String(name.unicodeScalars.map { ($0.value > 32 && $0.value < 127 && !"\"\\;/".unicodeScalars.contains($0)) ? Character($0) : "_" })
        return Reply(
            status: .ok,
            headers: [.contentType: mediaType, .contentDisposition: "attachment; filename=\"\(safe)\"", .xContentTypeOptions: "nosniff"],
            body: .file(path: path, range: 0..<size)
        )
    }
}

/// A payload to keep as a file.
package struct Attachment<Body: Payload>: Answer {
    let body: Body
    let name: String

    package init(_ body: Body, name: String) {
        self.body = body
        self.name = name
    }

    package static var documented: [DocumentedAnswer] { [DocumentedAnswer(200, "The file", mediaType: "application/json", payload: Body.self)] }
    package func reply() throws(Problem) -> Reply {
        var reply = try body.reply()
        reply.headers[.contentDisposition] = "attachment; filename=\"\(name)\""
        return reply
    }
}

/// Plain text.
package struct PlainText: Answer {
    let text: String
    let mediaType: String

    package init(_ text: String, mediaType: String = "text/plain; charset=utf-8") {
        self.text = text
        self.mediaType = mediaType
    }

    package static var documented: [DocumentedAnswer] { [DocumentedAnswer(200, "Text", mediaType: "text/plain")] }
    package func reply() -> Reply { Reply(text: text, mediaType: mediaType) }
}

/// The style of pages.
package struct Stylesheet: Answer {
    let css: String
    package init(_ css: String) { self.css = css }

    package static var documented: [DocumentedAnswer] { [DocumentedAnswer(200, "A stylesheet", mediaType: "text/css")] }
    package func reply() -> Reply { Reply(text: css, mediaType: "text/css; charset=utf-8") }
}

/// The OpenAPI document, already written.
package struct OpenAPIDocument: Answer {
    let text: String
    package init(_ text: String) { self.text = text }

    package static var documented: [DocumentedAnswer] { [DocumentedAnswer(200, "The document", mediaType: "application/json")] }
    package func reply() -> Reply { Reply(json: ByteBuffer(string: text)) }
}

/// A page for people, under a policy that lets it load nothing from elsewhere.
package struct Page: Answer {
    let html: String
    package init(_ html: String) { self.html = html }

    package static var documented: [DocumentedAnswer] { [DocumentedAnswer(200, "A page", mediaType: "text/html")] }
    package func reply() -> Reply {
        var reply = Reply(text: html, mediaType: "text/html; charset=utf-8")
        reply.headers[.contentSecurityPolicy] =
            "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        reply.headers[.xContentTypeOptions] = "nosniff"
        reply.headers[.referrerPolicy] = "no-referrer"
        return reply
    }
}
