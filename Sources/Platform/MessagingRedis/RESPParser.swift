package import NIOCore

/// An incremental parser of RESP version 2. Bytes may arrive in any chunks and are parsed once. Memory grows with the
/// bytes received, never with a length that the peer announces.
package struct RESPParser: Sendable {
    /// The bounds of a reply.
    package struct Limits: Sendable {
        /// Nested arrays.
        package var depth = 8
        /// Bytes of one bulk string.
        package var bulkBytes = 16 << 20
        /// Bytes of one line: a simple string, an error or a number.
        package var lineBytes = 64 << 10
        /// Elements of one array.
        package var elements = 1 << 20
        /// Bytes of one whole reply.
        package var replyBytes = 64 << 20

        package init() {}
    }

    /// Bytes that violate the protocol or exceed the limits. The connection cannot be used any more.
    package struct ParseError: Error, Sendable, Hashable, CustomStringConvertible {
        package let description: String
        init(_ description: String) { self.description = description }
    }

    /// An array whose elements are not all received yet.
    private struct IncompleteArray {
        var missing: Int
        var elements: [RESPValue] = []
    }

    private let limits: Limits
    private var bytes = ByteBuffer()
    /// The number of unread bytes that are known to contain no line feed.
    private var searchedBytes = 0
    private var incompleteArrays: [IncompleteArray] = []
    /// The length of the bulk string that is being received.
    private var bulkLength: Int?
    private var replySize = 0

    package init(limits: Limits = Limits()) { self.limits = limits }

    /// Appends received bytes.
    package mutating func receive(_ received: inout ByteBuffer) {
        if bytes.readableBytes == 0 {
            swap(&bytes, &received)
            received.clear()
            searchedBytes = 0
        } else {
            bytes.writeBuffer(&received)
        }
    }

    /// The next whole value, or nil where more bytes are needed.
    package mutating func next() throws(ParseError) -> RESPValue? {
        while true {
            guard let token = try token() else {
                if bytes.readerIndex > 64 << 10 { bytes.discardReadBytes() }
                return nil
            }
            if let value = add(token) {
                replySize = 0
                return value
            }
        }
    }

    private enum Token {
        case value(RESPValue)
        /// The header of an array that has elements.
        case arrayHeader
    }

    /// Adds a value to the innermost incomplete array. A completed array is added to the next outer one in turn.
    private mutating func add(_ token: Token) -> RESPValue? {
        guard case .value(var value) = token else { return nil }
        while var innermost = incompleteArrays.popLast() {
            innermost.elements.append(value)
            innermost.missing -= 1
            guard innermost.missing == 0 else {
                incompleteArrays.append(innermost)
                return nil
            }
            value = .array(innermost.elements)
        }
        return value
    }

    private mutating func token() throws(ParseError) -> Token? {
        if let length = bulkLength { return try bulkString(length) }
        guard let (kind, line) = try readLine() else { return nil }
        switch kind {
        case UInt8(ascii: "+"): return .value(.simple(String(buffer: line)))
        case UInt8(ascii: "-"): return .value(.error(String(buffer: line)))
        case UInt8(ascii: ":"): return .value(.integer(try readNumber(line)))
        case UInt8(ascii: "$"):
            guard let length = try readLength(line, upTo: limits.bulkBytes) else { return .value(.null) }
            bulkLength = length
            return try bulkString(length)
        case UInt8(ascii: "*"):
            guard let count = try readLength(line, upTo: limits.elements) else { return .value(.null) }
            guard count > 0 else { return .value(.array([])) }
            guard incompleteArrays.count < limits.depth else {
                throw ParseError("arrays are nested more than \(limits.depth) deep")
            }
            incompleteArrays.append(IncompleteArray(missing: count))
            return .arrayHeader
        default: throw ParseError("no value begins with byte \(kind)")
        }
    }

    private mutating func bulkString(_ length: Int) throws(ParseError) -> Token? {
        guard bytes.readableBytes >= length + 2, let text = bytes.readSlice(length: length),
            let end = bytes.readInteger(as: UInt16.self)
        else { return nil }
        guard end == 0x0D0A else { throw ParseError("a bulk string is not terminated at its length") }
        bulkLength = nil
        searchedBytes = 0
        try count(length + 2)
        // Short strings are copied: a slice that is kept would keep its whole, possibly large, buffer alive.
        return .value(.bulk(length < 1_024 ? ByteBuffer(bytes: text.readableBytesView) : text))
    }

    /// A whole line without CR LF, and its type byte.
    private mutating func readLine() throws(ParseError) -> (UInt8, ByteBuffer)? {
        let view = bytes.readableBytesView
        guard let end = view[view.index(view.startIndex, offsetBy: searchedBytes)...].firstIndex(of: UInt8(ascii: "\n"))
        else {
            searchedBytes = view.count
            guard searchedBytes <= limits.lineBytes else {
                throw ParseError("a line is longer than \(limits.lineBytes) bytes")
            }
            return nil
        }
        let length = end - view.startIndex
        searchedBytes = 0
        guard length <= limits.lineBytes else { throw ParseError("a line is longer than \(limits.lineBytes) bytes") }
        guard length >= 2, view[end - 1] == UInt8(ascii: "\r") else {
            throw ParseError("a line does not end in CR LF, or is empty")
        }
        try count(length + 1)
        guard let kind = bytes.readInteger(as: UInt8.self), let line = bytes.readSlice(length: length - 2) else {
            return nil
        }
        bytes.moveReaderIndex(forwardBy: 2)
        guard !line.readableBytesView.contains(UInt8(ascii: "\r")) else { throw ParseError("a line has a CR within") }
        return (kind, line)
    }

    private mutating func count(_ size: Int) throws(ParseError) {
        replySize += size
        guard replySize <= limits.replyBytes else {
            throw ParseError("a reply is larger than \(limits.replyBytes) bytes")
        }
    }

    /// - Returns: nil for −1, the length of a null value.
    private func readLength(_ line: ByteBuffer, upTo limit: Int) throws(ParseError) -> Int? {
        let value = try readNumber(line)
        if value == -1 { return nil }
        guard value >= 0, value <= Int64(limit) else { throw ParseError("a length of \(value) is not accepted") }
        return Int(value)
    }

    private func readNumber(_ line: ByteBuffer) throws(ParseError) -> Int64 {
        // 19 digits and a sign. Int64(_:) refuses larger values and text such as "" and "+-1".
        guard line.readableBytes <= 20, let value = Int64(String(buffer: line)) else {
            throw ParseError("an integer is malformed or too large")
        }
        return value
    }
}
