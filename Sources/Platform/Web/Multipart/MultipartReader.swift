package import Base
import Foundation
package import NIOCore

/// Reads a multipart/form-data body (RFC 7578, RFC 2046) part by part, as it arrives.
///
/// ```swift
/// var form = try MultipartReader(contentType: type, body: call.body, limits: limits)
/// while let part = try await form.next() {
///     while let piece = try await form.read() { … }
/// }
/// ```
/// It never holds more than one piece of the body and a boundary, or the header of one part.
package struct MultipartReader {
    /// What a form may be made of.
    package struct Limits: Sendable {
        /// Bytes of the whole body, boundaries and headers among them.
        package var totalBytes: Int
        package var parts = 100
        /// Bytes of the header of one part.
        package var headerBytes = 8 << 10

        package init(totalBytes: Int) { self.totalBytes = totalBytes }
    }

    private enum Position {
        /// Before the first boundary or in the content of a part: bytes that a delimiter ends.
        case content
        /// Right behind a delimiter.
        case boundaryEnd
        case end
    }

    private let limits: Limits
    /// The boundary as it is found between parts, the line break before it included.
    private let delimiter: [UInt8]
    private var pieces: RequestBody.AsyncIterator
    private var receivedBytes = 0
    private var partCount = 0
    /// What has arrived and is not handed on. The body's beginning stands for a line break, so that the first boundary
    /// is found like any.
    private var buffer = ByteBuffer(string: "\r\n")
    private var position = Position.content

    /// - Parameter contentType: the request's Content-Type; the boundary is in it.
    /// - Throws: `unsupported-media-type` where it is not that of a form, `invalid-payload` where its boundary is none,
    ///   and `payload-too-large` where the client announces more than `limits.totalBytes`.
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
        pieces = body.makeAsyncIterator()
    }

    /// The next part, whose content ``read()`` gives; what is left of the part before is skipped.
    /// - Returns: nil behind the last part.
    /// - Throws: `invalid-payload` where the form is not well-formed or is cut off, `payload-too-large` beyond the
    ///   limit.
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

    /// The next bytes of the present part, as many as have arrived.
    /// - Returns: nil at the part's end.
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

    /// The content of the present part as text.
    /// - Throws: `payload-too-large` beyond `limit` bytes, `invalid-payload` where it is not UTF-8, else as ``next()``.
    package mutating func collectText(upTo limit: Int) async throws(Problem) -> String {
        var whole = ByteBuffer()
        while var piece = try await read() {
            guard whole.readableBytes + piece.readableBytes <= limit else {
                throw Problem.payloadTooLarge(limit: limit)
            }
            whole.writeBuffer(&piece)
        }
        guard let text = String(validating: whole.readableBytesView, as: UTF8.self) else {
            throw Problem(.invalidPayload, detail: "A text field of the form is not UTF-8.")
        }
        return text
    }

    /// The lines of a part's header, without the line break that ends the boundary and the empty line that ends the
    /// header.
    private mutating func header() async throws(Problem) -> ByteBuffer {
        // RFC 2046 §5.1.1 lets white space follow the boundary.
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
            // A header that is empty ends with the line break of its boundary and another.
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

    /// How many bytes from here on are certainly content, and whether a delimiter follows them.
    private func contentLength() -> (length: Int, isWhole: Bool) {
        if let end = buffer.firstIndex(of: delimiter, from: 0) { return (end, true) }
        return (buffer.readableBytes - buffer.overlap(with: delimiter), false)
    }

    private mutating func receive() async throws(Problem) {
        let piece: ByteBuffer?
        do {
            piece = try await pieces.next()
        } catch {
            throw (error as? Problem) ?? Self.cut(by: error)
        }
        guard let piece else { throw Self.cut(by: nil) }
        receivedBytes += piece.readableBytes
        guard receivedBytes <= limits.totalBytes else { throw Problem.payloadTooLarge(limit: limits.totalBytes) }
        if buffer.readableBytes == 0 {
            buffer = piece
        } else if buffer.readerIndex == 0 {
            buffer.writeImmutableBuffer(piece)
        } else {
            // Into new memory: the little that is left may be the end of a large piece, which would be copied whole.
            var joined = ByteBufferAllocator().buffer(capacity: buffer.readableBytes + piece.readableBytes)
            joined.writeImmutableBuffer(buffer)
            joined.writeImmutableBuffer(piece)
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
    /// Where `pattern` begins, counted from the first readable byte.
    fileprivate func firstIndex(of pattern: [UInt8], from start: Int) -> Int? {
        withUnsafeReadableBytes { bytes in
            guard let base = bytes.baseAddress, let first = pattern.first else { return nil }
            var position = start
            while bytes.count - position >= pattern.count {
                // The first byte is rare enough in any content to let the C library's search do the work.
                guard let candidate = memchr(base + position, CInt(first), bytes.count - position - pattern.count + 1)
                else { return nil }
                if memcmp(candidate, pattern, pattern.count) == 0 { return UnsafeRawPointer(candidate) - base }
                position = UnsafeRawPointer(candidate) - base + 1
            }
            return nil
        }
    }

    /// The length of the longest end of these bytes that `pattern` begins with, and that is not all of it.
    fileprivate func overlap(with pattern: [UInt8]) -> Int {
        withUnsafeReadableBytes { bytes in
            var length = Swift.min(bytes.count, pattern.count - 1)
            while length > 0, !bytes.suffix(length).elementsEqual(pattern.prefix(length)) { length -= 1 }
            return length
        }
    }
}
