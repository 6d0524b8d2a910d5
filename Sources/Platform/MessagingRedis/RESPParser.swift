package import NIOCore

/// Reads values out of bytes as they come in, in any pieces. What is read once is not read again, and nothing that the other side
/// announces is believed before it is there: memory grows with bytes received, never with a length that was claimed.
package struct RESPParser: Sendable {
    /// What is too much of an answer.
    package struct Limits: Sendable {
        /// Arrays within arrays.
        package var depth = 8
        /// Bytes of one bulk string.
        package var bulkBytes = 16 << 20
        /// Bytes of a line: simple strings, errors and numbers.
        package var lineBytes = 64 << 10
        /// Elements of one array.
        package var elements = 1 << 20
        /// Bytes of one whole answer.
        package var replyBytes = 64 << 20

        package init() {}
    }

    /// Bytes that are not the protocol, or more than the limits allow. The connection that they came by cannot be used any more.
    package struct ParseError: Error, Sendable, Hashable, CustomStringConvertible {
        package let description: String
        init(_ description: String) { self.description = description }
    }

    /// An array of which some elements are still to come.
    private struct Open {
        var missing: Int
        var elements: [RESPValue] = []
    }

    private let limits: Limits
    private var bytes = ByteBuffer()
    /// How much of the unread bytes holds no end of a line.
    private var searched = 0
    private var open: [Open] = []
    /// The length of the bulk string that is being received.
    private var bulk: Int?
    private var replySize = 0

    package init(limits: Limits = Limits()) { self.limits = limits }

    /// Takes in what was received.
    package mutating func receive(_ more: inout ByteBuffer) {
        if bytes.readableBytes == 0 {
            swap(&bytes, &more)
            more.clear()
            searched = 0
        } else {
            bytes.writeBuffer(&more)
        }
    }

    /// The next whole value, or nil until more is received.
    package mutating func next() throws(ParseError) -> RESPValue? {
        while true {
            guard let value = try token() else {
                if bytes.readerIndex > 64 << 10 { bytes.discardReadBytes() }
                return nil
            }
            if let whole = place(value) {
                replySize = 0
                return whole
            }
        }
    }

    private enum Token {
        case value(RESPValue)
        /// The head of an array that has elements.
        case opened
    }

    /// Puts a value where it belongs: into the array that waits for it, which may complete that array, and so on outwards.
    private mutating func place(_ token: Token) -> RESPValue? {
        guard case .value(var value) = token else { return nil }
        while var innermost = open.popLast() {
            innermost.elements.append(value)
            innermost.missing -= 1
            guard innermost.missing == 0 else {
                open.append(innermost)
                return nil
            }
            value = .array(innermost.elements)
        }
        return value
    }

    private mutating func token() throws(ParseError) -> Token? {
        if let length = bulk { return try bulkString(length) }
        guard let (kind, line) = try readLine() else { return nil }
        switch kind {
        case UInt8(ascii: "+"): return .value(.simple(String(buffer: line)))
        case UInt8(ascii: "-"): return .value(.error(String(buffer: line)))
        case UInt8(ascii: ":"): return .value(.integer(try readNumber(line)))
        case UInt8(ascii: "$"):
            guard let length = try readLength(line, upTo: limits.bulkBytes) else { return .value(.null) }
            bulk = length
            return try bulkString(length)
        case UInt8(ascii: "*"):
            guard let count = try readLength(line, upTo: limits.elements) else { return .value(.null) }
            guard count > 0 else { return .value(.array([])) }
            guard open.count < limits.depth else { throw ParseError("arrays are nested more than \(limits.depth) deep") }
            open.append(Open(missing: count))
            return .opened
        default: throw ParseError("no value begins with byte \(kind)")
        }
    }

    private mutating func bulkString(_ length: Int) throws(ParseError) -> Token? {
        guard bytes.readableBytes >= length + 2, let text = bytes.readSlice(length: length),
            let end = bytes.readInteger(as: UInt16.self)
        else { return nil }
        guard end == 0x0D0A else { throw ParseError("a bulk string does not end where its length says") }
        bulk = nil
        searched = 0
        try count(length + 2)
        // A copy, unless it is most of what it lies in: a short string that is kept must not keep a large buffer alive.
        return .value(.bulk(length < 1_024 ? ByteBuffer(bytes: text.readableBytesView) : text))
    }

    /// A whole line without its end, and the byte that says what it is.
    private mutating func readLine() throws(ParseError) -> (UInt8, ByteBuffer)? {
        let view = bytes.readableBytesView
        guard let end = view[view.index(view.startIndex, offsetBy: searched)...].firstIndex(of: UInt8(ascii: "\n"))
        else {
            searched = view.count
            guard searched <= limits.lineBytes else { throw ParseError("a line is longer than \(limits.lineBytes) bytes") }
            return nil
        }
        let length = end - view.startIndex
        searched = 0
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
        guard replySize <= limits.replyBytes else { throw ParseError("an answer is larger than \(limits.replyBytes) bytes") }
    }

    /// - Returns: nil for −1, which stands for nothing at all.
    private func readLength(_ line: ByteBuffer, upTo limit: Int) throws(ParseError) -> Int? {
        let value = try readNumber(line)
        if value == -1 { return nil }
        guard value >= 0, value <= Int64(limit) else { throw ParseError("a length of \(value) is not accepted") }
        return Int(value)
    }

    private func readNumber(_ line: ByteBuffer) throws(ParseError) -> Int64 {
        // 19 digits and a sign; Int64 itself refuses what is too large, and text such as "" or "+-1".
        guard line.readableBytes <= 20, let value = Int64(String(buffer: line)) else {
            throw ParseError("a number is none, or too large")
        }
        return value
    }
}
