import HTTPTypes
import NIOCore
import NIOHTTP1
import Telemetry

/// Serializes a response with the framing fields of HTTP, and writes it to a connection.
struct ResponseWriter: Sendable {
    let bridge: ConnectionBridge
    let malformed: @Sendable (HTTPError) -> Response
    let logger: Logger

    /// Returns when all of it is in the buffer of the socket, which is bounded.
    /// - Throws: when the connection is closed, or a file ends early; the response is then incomplete.
    func write(_ response: Response, to request: RequestHead?, keepsAlive: Bool) async throws {
        let hasBody = request?.request.method != .head && response.status.allowsBody
        var head = head(of: response, to: request, keepsAlive: keepsAlive)
        switch response.body {
        case .none:
            try await bridge.write(.response(head, nil))
        case .buffer(var body) where hasBody && body.readableBytes <= Self.copiedBytesMax:
            head.writeBuffer(&body)
            try await bridge.write(.response(head, nil))
        case .buffer(let body):
            try await bridge.write(.response(head, hasBody ? body : nil))
        case .file where !hasBody:
            try await bridge.write(.response(head, nil))
        case .file(let path, let range):
            var chunks: FileChunks
            do {
                chunks = try await FileChunks(path: path, range: range)
            } catch {
                logger.error(
                    "a file to send could not be opened", metadata: ["path": "\(path)", "cause": "\(error)"])
                var failure = malformed(.unreadableFile)
                if case .file = failure.body { failure.body = .none }
                return try await write(failure, to: request, keepsAlive: keepsAlive)
            }
            try await bridge.write(.head(head))
            while let chunk = try await chunks.next() { try await bridge.write(.chunk(chunk)) }
            try await bridge.write(.end)
        case .chunks where !hasBody:
            try await bridge.write(.response(head, nil))
        case .chunks(let begin):
            try await bridge.write(.head(head))
            try await write(begin(), isChunked: request?.isVersion10 == false)
            try await bridge.write(.end)
        }
    }

    /// - Parameter isChunked: whether to use chunked transfer coding (RFC 9112 §7.1); otherwise the end of the
    ///   connection ends the body.
    private func write(_ next: () async throws -> ByteBuffer?, isChunked: Bool) async throws {
        while let chunk = try await made(next) {
            // An empty chunk ends the body.
            if chunk.readableBytes > 0 { try await bridge.write(.chunk(isChunked ? ByteBuffer(chunk: chunk) : chunk)) }
        }
        if isChunked { try await bridge.write(.chunk(ByteBuffer(string: "0\r\n\r\n"))) }
    }

    private func made(_ next: () async throws -> ByteBuffer?) async throws -> ByteBuffer? {
        do {
            return try await next()
        } catch {
            logger.error("a streamed response failed", metadata: ["cause": "\(error)"])
            throw error
        }
    }

    /// In bytes. A body up to this size is copied behind its head: writing one buffer costs less than two.
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

    /// The head of a response (RFC 9112). A final response without `Date` gets one.
    ///
    /// Names and values need no escaping: HTTPTypes rejects line breaks in both.
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
