package import NIOCore

/// One value of the Redis serialization protocol, version 2.
package enum RESPValue: Sendable, Hashable {
    case simple(String)
    /// An error reply: its first word is the kind, such as `WRONGTYPE`.
    case error(String)
    case integer(Int64)
    case bulk(ByteBuffer)
    case null
    case array([RESPValue])

    /// The value as a number, from an integer, a bulk string or a simple string.
    package var integer: Int64? {
        switch self {
        case .integer(let value): value
        case .bulk(let bytes): Int64(String(buffer: bytes))
        case .simple(let text): Int64(text)
        case .error, .null, .array: nil
        }
    }

    /// The value as text, from a simple string, a bulk string or an integer; nil for an error.
    package var text: String? {
        switch self {
        case .simple(let text): text
        case .bulk(let bytes): String(buffer: bytes)
        case .integer(let value): String(value)
        case .error, .null, .array: nil
        }
    }

    package var array: [RESPValue]? { if case .array(let values) = self { values } else { nil } }
}

/// A command: its name and arguments, each arbitrary bytes.
package struct RedisCommand: Sendable {
    let arguments: [ByteBuffer]
    /// Whether executing it twice equals executing it once: it is then sent again after the connection broke.
    package let isIdempotent: Bool

    package init(_ arguments: [ByteBuffer], isIdempotent: Bool = false) {
        self.arguments = arguments
        self.isIdempotent = isIdempotent
    }

    package init(_ arguments: [String], isIdempotent: Bool = false) {
        self.init(arguments.map { ByteBuffer(string: $0) }, isIdempotent: isIdempotent)
    }

    /// An upper bound of its bytes on the wire.
    var wireSize: Int { arguments.reduce(24) { $0 + $1.readableBytes + 24 } }

    func write(to buffer: inout ByteBuffer) {
        buffer.writeInteger(UInt8(ascii: "*"))
        buffer.writeLine(arguments.count)
        for argument in arguments {
            buffer.writeInteger(UInt8(ascii: "$"))
            buffer.writeLine(argument.readableBytes)
            buffer.writeImmutableBuffer(argument)
            buffer.writeStaticString("\r\n")
        }
    }
}

extension ByteBuffer {
    fileprivate mutating func writeLine(_ number: Int) {
        // Fast path without a String: nearly every length has one or two digits.
        switch number {
        case 0...9: writeInteger(UInt8(ascii: "0") + UInt8(number))
        case 10...99:
            writeInteger(UInt8(ascii: "0") + UInt8(number / 10))
            writeInteger(UInt8(ascii: "0") + UInt8(number % 10))
        default: writeString(String(number))
        }
        writeStaticString("\r\n")
    }
}
