import Base
import HTTPTypes
import NIOCore
import NIOHTTP1
import Telemetry

/// Serializes a response with the framing fields of HTTP, and writes it to a connection.
struct ResponseWriter: Sendable {
    let bridge: ConnectionBridge
    let malformed: @Sendable (HTTPError) -> Response
    let logger: Logger

    /// The whole response; nil where it does not fit into one buffer.
    func buffer(of response: Response, to request: RequestHead?, keepsAlive: Bool) -> ByteBuffer? {
        switch response.body {
        case .none: return head(of: response, to: request, keepsAlive: keepsAlive)
        case .buffer(let body):
            guard hasBody(response, to: request) else {
                return head(of: response, to: request, keepsAlive: keepsAlive)
            }
            guard body.readableBytes <= Self.copiedBytesMax else { return nil }
            var bytes = head(of: response, to: request, keepsAlive: keepsAlive, room: body.readableBytes)
            bytes.writeImmutableBuffer(body)
            return bytes
        case .file, .openFile, .chunks: return nil
        }
    }

    private func hasBody(_ response: Response, to request: RequestHead?) -> Bool {
        request?.request.method != .head && response.status.allowsBody
    }

    /// Returns when all of it is in the buffer of the socket, which is bounded.
    /// - Throws: when the connection is closed, or a file ends early; the response is then incomplete.
    func write(_ response: Response, to request: RequestHead?, keepsAlive: Bool) async throws {
        if let bytes = buffer(of: response, to: request, keepsAlive: keepsAlive) {
            return try await bridge.write(.response(bytes, nil))
        }
        let hasBody = hasBody(response, to: request)
        let head = head(of: response, to: request, keepsAlive: keepsAlive)
        switch response.body {
        case .none:
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
            try await write(&chunks, after: head)
        case .openFile where !hasBody:
            try await bridge.write(.response(head, nil))
        case .openFile(let file, let range):
            var chunks = FileChunks(file, range: range)
            try await write(&chunks, after: head)
        case .chunks where !hasBody:
            try await bridge.write(.response(head, nil))
        case .chunks(let begin):
            try await bridge.write(.head(head))
            if let observer = response.onInputClosed { bridge.observeInput(observer) }
            defer { if response.onInputClosed != nil { bridge.observeInput(nil) } }
            try await write(begin(), isChunked: request?.isVersion10 == false)
            try await bridge.write(.end)
        }
    }

    private func write(_ chunks: inout FileChunks, after head: ByteBuffer) async throws {
        try await bridge.write(.head(head))
        while let chunk = try await chunks.next() { try await bridge.write(.chunk(chunk)) }
        try await bridge.write(.end)
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

    /// - Parameter room: for a body of this many bytes behind the head.
    private func head(
        of response: Response, to request: RequestHead?, keepsAlive: Bool, room: Int = 0
    ) -> ByteBuffer {
        var framing = ResponseFraming()
        let hasOwnLength = request?.request.method == .head && response.headers.contains(.contentLength)
        if response.status.allowsBody, !hasOwnLength {
            framing.contentLength = response.contentLength
            framing.isChunked = framing.contentLength == nil && request?.isVersion10 == false
        }
        framing.keepsContentLength = response.status.allowsBody && hasOwnLength
        if !keepsAlive {
            framing.connection = "close"
        } else if request?.isVersion10 == true {
            framing.connection = "keep-alive"
        }
        return ByteBuffer(headOf: response.status, response.headers, framing: framing, room: room)
    }
}

/// The fields of a response that delimit its body and its connection (RFC 9112, sections 6 and 9). They replace those
/// that a handler has set.
private struct ResponseFraming {
    var contentLength: Int64?
    var isChunked = false
    /// The response to HEAD has the length of the one to GET.
    var keepsContentLength = false
    /// Nil keeps the field of the handler.
    var connection: StaticString?

    func replaces(_ name: HTTPField.Name) -> Bool {
        // Lengths are compared first: nearly all fields have another one.
        switch name.canonicalName.utf8.count {
        case 10: connection != nil && name == .connection
        case 14: !keepsContentLength && name == .contentLength
        case 17: name == .transferEncoding
        default: false
        }
    }
}

extension ByteBuffer {
    fileprivate init(chunk: ByteBuffer) {
        self.init(string: String(chunk.readableBytes, radix: 16) + "\r\n")
        writeImmutableBuffer(chunk)
        writeStaticString("\r\n")
    }

    /// The head of an informational response (RFC 9110, section 15.2).
    init(headOf status: HTTPResponse.Status, _ fields: HTTPFields) {
        self.init(headOf: status, fields, framing: nil, room: 0)
    }

    /// The head of a response (RFC 9112). A final response without `Date` gets one.
    ///
    /// Names and values need no escaping: HTTPTypes rejects line breaks in both. The head is written in one pass into
    /// memory of the right size: every response has ten fields or so.
    /// - Parameters:
    ///   - framing: nil keeps all fields as they are.
    ///   - room: for a body of this many bytes behind the head.
    fileprivate init(headOf status: HTTPResponse.Status, _ fields: HTTPFields, framing: ResponseFraming?, room: Int) {
        let reason = HTTPResponseStatus(statusCode: status.code).reasonPhrase
        var size = Self.otherHeadBytes + reason.utf8.count
        for field in fields { size += field.name.rawName.utf8.count + field.value.utf8.count + 4 }
        self = ByteBufferAllocator().buffer(capacity: size + room)
        writeWithUnsafeMutableBytes(minimumWritableBytes: size) { bytes in
            var text = TextWriter(bytes)
            text.write("HTTP/1.1 ")
            text.write(Int64(status.code))
            text.write(" ")
            text.write(reason)
            text.write("\r\n")
            var needsDate = status.code >= 200
            for field in fields {
                if let framing, framing.replaces(field.name) { continue }
                if field.name.canonicalName.utf8.count == 4, field.name == .date { needsDate = false }
                text.write(field.name.rawName)
                text.write(": ")
                text.write(field.value)
                text.write("\r\n")
            }
            if let length = framing?.contentLength {
                text.write("Content-Length: ")
                text.write(length)
                text.write("\r\n")
            }
            if framing?.isChunked == true { text.write("Transfer-Encoding: chunked\r\n") }
            if let connection = framing?.connection {
                text.write("Connection: ")
                text.write(connection)
                text.write("\r\n")
            }
            if needsDate {
                text.write("Date: ")
                text.write(HTTPDate.now())
                text.write("\r\n")
            }
            text.write("\r\n")
            return text.count
        }
    }

    /// More than the bytes of a head without its fields and its reason phrase: the status line, the framing, `Date` and
    /// the line breaks.
    private static let otherHeadBytes = 192
}

/// Writes text to memory that is large enough.
private struct TextWriter {
    private let bytes: UnsafeMutableRawBufferPointer
    private(set) var count = 0

    init(_ bytes: UnsafeMutableRawBufferPointer) { self.bytes = bytes }

    mutating func write(_ text: StaticString) {
        copy(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    mutating func write(_ text: String) {
        var text = text
        text.withUTF8 { copy(UnsafeRawBufferPointer($0)) }
    }

    mutating func write(_ number: Int64) {
        DecimalText.withDigits(of: number) { copy(UnsafeRawBufferPointer($0)) }
    }

    private mutating func copy(_ text: UnsafeRawBufferPointer) {
        UnsafeMutableRawBufferPointer(rebasing: bytes[count...]).copyMemory(from: text)
        count += text.count
    }
}

extension HTTPResponse.Status {
    fileprivate var allowsBody: Bool { code >= 200 && code != 204 && code != 304 }
}
