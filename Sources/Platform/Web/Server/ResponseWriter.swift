import HTTPTypes
import NIOCore
import NIOHTTP1
import Telemetry

/// Puts a reply on the wire with the fields that HTTP asks for.
struct ResponseWriter: Sendable {
    let parts: ConnectionBridge
    let malformed: @Sendable (HTTPError) -> Response
    let logger: Logger

    /// Returns when all of it is handed to the connection, which takes no more than it can send on soon.
    /// - Throws: when the client is gone, or a file ends before its time; what is on the wire is then no complete
    ///   answer.
    func write(_ response: Response, to request: RequestHead?, keepsAlive: Bool) async throws {
        let hasBody = request?.request.method != .head && response.status.allowsBody
        var head = head(of: response, to: request, keepsAlive: keepsAlive)
        switch response.body {
        case .none:
            try await parts.write(.response(head, nil))
        case .buffer(var body) where hasBody && body.readableBytes <= Self.copiedBytesMax:
            head.writeBuffer(&body)
            try await parts.write(.response(head, nil))
        case .buffer(let body):
            try await parts.write(.response(head, hasBody ? body : nil))
        case .file where !hasBody:
            try await parts.write(.response(head, nil))
        case .file(let path, let range):
            var pieces: FileChunks
            do {
                pieces = try await FileChunks(path: path, range: range)
            } catch {
                logger.error(
                    "a file to be sent could not be opened", metadata: ["path": "\(path)", "cause": "\(error)"])
                var answer = malformed(.unreadableFile)
                if case .file = answer.body { answer.body = .none }
                return try await write(answer, to: request, keepsAlive: keepsAlive)
            }
            try await parts.write(.head(head))
            while let piece = try await pieces.next() { try await parts.write(.piece(piece)) }
            try await parts.write(.end)
        case .pieces where !hasBody:
            try await parts.write(.response(head, nil))
        case .pieces(let begin):
            try await parts.write(.head(head))
            try await write(begin(), isChunked: request?.isVersion10 == false)
            try await parts.write(.end)
        }
    }

    /// - Parameter isChunked: as RFC 9112 §7.1 has it; otherwise the connection's end is that of the body.
    private func write(_ next: () async throws -> ByteBuffer?, isChunked: Bool) async throws {
        while let piece = try await made(next) {
            // An empty chunk would be the last one.
            if piece.readableBytes > 0 { try await parts.write(.piece(isChunked ? ByteBuffer(chunk: piece) : piece)) }
        }
        if isChunked { try await parts.write(.piece(ByteBuffer(string: "0\r\n\r\n"))) }
    }

    private func made(_ next: () async throws -> ByteBuffer?) async throws -> ByteBuffer? {
        do {
            return try await next()
        } catch {
            logger.error("an answer broke off while it was made", metadata: ["cause": "\(error)"])
            throw error
        }
    }

    /// A body up to this size is copied behind its head: one buffer costs the socket less than two.
    private static let copiedBytesMax = 16 << 10

    private func head(of response: Response, to request: RequestHead?, keepsAlive: Bool) -> ByteBuffer {
        var fields = response.headers
        if fields.contains(.transferEncoding) { fields[.transferEncoding] = nil }
        var length: Int64?
        if !response.status.allowsBody {
            fields[.contentLength] = nil
        } else if request?.request.method != .head || !fields.contains(.contentLength) {
            fields[.contentLength] = nil
            length = response.contentLength
            if length == nil, request?.isVersion10 == false { fields[.transferEncoding] = "chunked" }
        }
        if !keepsAlive {
            fields[.connection] = "close"
        } else if request?.isVersion10 == true {
            fields[.connection] = "keep-alive"
        }
        return ByteBuffer(headOf: response.status, fields, contentLength: length)
    }
}

extension ByteBuffer {
    fileprivate init(chunk: ByteBuffer) {
        self.init(string: String(chunk.readableBytes, radix: 16) + "\r\n")
        writeImmutableBuffer(chunk)
        writeStaticString("\r\n")
    }

    /// The head of an answer (RFC 9112), with its Date where it should have one and has none.
    ///
    /// Names and values need no escaping: the types of HTTPTypes hold none that break a line.
    init(headOf status: HTTPResponse.Status, _ fields: HTTPFields, contentLength: Int64? = nil) {
        self = ByteBufferAllocator().buffer(capacity: 512)
        writeStaticString("HTTP/1.1 ")
        writeString(String(status.code))
        writeStaticString(" ")
        writeString(HTTPResponseStatus(statusCode: status.code).reasonPhrase)
        writeStaticString("\r\n")
        for field in fields {
            writeString(field.name.rawName)
            writeStaticString(": ")
            writeString(field.value)
            writeStaticString("\r\n")
        }
        if let contentLength {
            writeStaticString("Content-Length: ")
            writeString(String(contentLength))
            writeStaticString("\r\n")
        }
        if status.code >= 200, !fields.contains(.date) {
            writeStaticString("Date: ")
            writeString(HTTPDate.now())
            writeStaticString("\r\n")
        }
        writeStaticString("\r\n")
    }
}

extension HTTPResponse.Status {
    fileprivate var allowsBody: Bool { code >= 200 && code != 204 && code != 304 }
}
