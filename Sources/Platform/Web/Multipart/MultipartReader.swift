package import Base
import Foundation
package import NIOCore

/// Reads a multipart/form-data body (RFC 7578, RFC 2046) as a stream of parts.
///
/// ```swift
/// var form = try MultipartReader(contentType: type, body: request.body, limits: limits)
/// while let part = try await form.next() {
///     while let chunk = try await form.read() { … }
/// }
/// ```
/// It buffers at most one chunk of the body and a boundary, or the header of one part.
package struct MultipartReader {
    /// The limits of one form.
    package struct Limits: Sendable {
        /// Bytes of the whole body, including boundaries and headers.
        package var totalBytes: Int
        package var parts = 100
        /// Bytes of the header of one part.
        package var headerBytes = 8 << 10

        package init(totalBytes: Int) { self.totalBytes = totalBytes }
    }

    private enum Position {
        /// Before the first boundary, or in the content of a part: bytes up to the next delimiter.
        case content
        /// Directly after a delimiter.
        case boundaryEnd
        case end
    }

    private let limits: Limits
    /// The boundary with the line break before it.
    private let delimiter: [UInt8]
    private var chunks: RequestBody.AsyncIterator
    private var receivedBytes = 0
    private var partCount = 0
    /// Received and not yet returned. It starts with a line break, so that the first boundary is parsed like the
    /// others.
    private var buffer = ByteBuffer(string: "\r\n")
    private var position = Position.content

    /// - Parameter contentType: the Content-Type of the request, which holds the boundary.
    /// - Throws: `unsupported-media-type` for another media type, `invalid-payload` for an invalid boundary,
    ///   `payload-too-large` where Content-Length exceeds `limits.totalBytes`.
    package init(contentType: String?, body: RequestBody, limits: Limits) throws(Problem) {
        guard let contentType, let type = ParameterisedValue(contentType),
            type.value.lowercased() == "multipart/form-data"
        else {
            throw Problem(.unsupportedMediaType, detail: "Send a form as multipart/form-data.")
        }
        guard let boundary = type.parameters["boundary"], Self.isBoundary(boundary) else {
            throw Problem(.invalidPayload, detail: "The boundary in the Content-Type is missing or not valid.")
        }
        if let size = body.announcedSize, size > limits.totalBytes {
            throw Problem.payloadTooLarge(limit: limits.totalBytes)
        }
        self.limits = limits
        delimiter = Array("\r\n--\(boundary)".utf8)
        chunks = body.makeAsyncIterator()
    }

    /// The next part; ``read()`` returns its content. Unread content of the previous part is skipped.
    /// - Returns: nil after the last part.
    /// - Throws: `invalid-payload` for a malformed or truncated form, `payload-too-large` beyond the limit.
    package mutating func next() async throws(Problem) -> MultipartPart? {
        while try await read() != nil {}
        guard position == .boundaryEnd else { return nil }
        while buffer.readableBytes < 2 { try await receive() }
        if buffer.readableBytesView.starts(with: "--".utf8) {
            position = .end
            return nil
        }
        partCount += 1
        guard partCount <= limits.parts else {
            throw Problem(.invalidPayload, detail: "A form has at most \(limits.parts) parts.")
        }
        let part = try MultipartPart(header: try await header())
        position = .content
        return part
    }

    /// The next bytes of the current part, as many as have arrived.
    /// - Returns: nil at the end of the part.
    /// - Throws: as ``next()``.
    package mutating func read() async throws(Problem) -> ByteBuffer? {
        while position == .content {
            let (length, isWhole) = contentLength()
            if length > 0 { return buffer.readSlice(length: length) }
            if isWhole {
                buffer.moveReaderIndex(forwardBy: delimiter.count)
                position = .boundaryEnd
            } else {
                try await receive()
            }
        }
        return nil
    }

    /// The content of the current part as text.
    /// - Throws: `payload-too-large` beyond `limit` bytes, `invalid-payload` for invalid UTF-8, else as ``next()``.
    package mutating func collectText(upTo limit: Int) async throws(Problem) -> String {
        var whole = ByteBuffer()
        while var chunk = try await read() {
            guard whole.readableBytes + chunk.readableBytes <= limit else {
                throw Problem.payloadTooLarge(limit: limit)
            }
            whole.writeBuffer(&chunk)
        }
        guard let text = String(validating: whole.readableBytesView, as: UTF8.self) else {
            throw Problem(.invalidPayload, detail: "A text field of the form is not UTF-8.")
        }
        return text
    }

    /// The header lines of a part, without the line break after the boundary and without the empty line at the end.
    private mutating func header() async throws(Problem) -> ByteBuffer {
        // RFC 2046 §5.1.1 allows white space after the boundary.
        var padding = 0
        while true {
            guard let byte = buffer.readableBytesView.dropFirst(padding).first else {
                try await receive()
                continue
            }
            guard byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t"), padding < Self.paddingMax else { break }
            padding += 1
        }
        buffer.moveReaderIndex(forwardBy: padding)
        var searched = 0
        while true {
            // An empty header ends with the line break of the boundary and one more.
            if let end = buffer.firstIndex(of: Self.emptyLine, from: searched) {
                guard end <= limits.headerBytes, var header = buffer.readSlice(length: end + Self.emptyLine.count),
                    header.readableBytesView.starts(with: "\r\n".utf8)
                else { break }
                header.moveReaderIndex(forwardBy: 2)
                return header.readSlice(length: max(0, header.readableBytes - Self.emptyLine.count)) ?? header
            }
            searched = max(0, buffer.readableBytes - Self.emptyLine.count + 1)
            guard buffer.readableBytes <= limits.headerBytes,
                buffer.readableBytes < 2 || buffer.readableBytesView.starts(with: "\r\n".utf8)
            else { break }
            try await receive()
        }
        throw Problem(
            .invalidPayload, detail: "A part of the form has no header of at most \(limits.headerBytes) bytes.")
    }

    /// How many buffered bytes are content for certain, and whether a delimiter follows them.
    private func contentLength() -> (length: Int, isWhole: Bool) {
        if let end = buffer.firstIndex(of: delimiter, from: 0) { return (end, true) }
        return (buffer.readableBytes - buffer.overlap(with: delimiter), false)
    }

    private mutating func receive() async throws(Problem) {
        let chunk: ByteBuffer?
        do {
            chunk = try await chunks.next()
        } catch {
            throw (error as? Problem) ?? Self.cut(by: error)
        }
        guard let chunk else { throw Self.cut(by: nil) }
        receivedBytes += chunk.readableBytes
        guard receivedBytes <= limits.totalBytes else { throw Problem.payloadTooLarge(limit: limits.totalBytes) }
        if buffer.readableBytes == 0 {
            buffer = chunk
        } else if buffer.readerIndex == 0 {
            buffer.writeImmutableBuffer(chunk)
        } else {
            // Into new memory: a short remainder of a large chunk would otherwise copy the whole chunk.
            var joined = ByteBufferAllocator().buffer(capacity: buffer.readableBytes + chunk.readableBytes)
            joined.writeImmutableBuffer(buffer)
            joined.writeImmutableBuffer(chunk)
            buffer = joined
        }
    }

    private static func cut(by cause: (any Error)?) -> Problem {
        Problem(.invalidPayload, detail: "The body ended before it was complete.", cause: cause)
    }

    private static let emptyLine = Array("\r\n\r\n".utf8)
    private static let paddingMax = 64

    /// RFC 2046 §5.1.1.
    private static func isBoundary(_ text: String) -> Bool {
        (1...70).contains(text.utf8.count) && !text.hasSuffix(" ")
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "A")...UInt8(ascii: "Z"):
                    true
                default: "'()+_,-./:=? ".utf8.contains(byte)
                }
            }
    }
}

extension ByteBuffer {
    /// The offset of `pattern` from the first readable byte.
    fileprivate func firstIndex(of pattern: [UInt8], from start: Int) -> Int? {
        withUnsafeReadableBytes { bytes in
            guard let base = bytes.baseAddress, let first = pattern.first else { return nil }
            var position = start
            while bytes.count - position >= pattern.count {
                // memchr finds the first byte, which is rare in most content.
                guard let candidate = memchr(base + position, CInt(first), bytes.count - position - pattern.count + 1)
                else { return nil }
                if memcmp(candidate, pattern, pattern.count) == 0 { return UnsafeRawPointer(candidate) - base }
                position = UnsafeRawPointer(candidate) - base + 1
            }
            return nil
        }
    }

    /// The length of the longest proper prefix of `pattern` that these bytes end with.
    fileprivate func overlap(with pattern: [UInt8]) -> Int {
        withUnsafeReadableBytes { bytes in
            var length = Swift.min(bytes.count, pattern.count - 1)
            while length > 0, !bytes.suffix(length).elementsEqual(pattern.prefix(length)) { length -= 1 }
            return length
        }
    }
}
