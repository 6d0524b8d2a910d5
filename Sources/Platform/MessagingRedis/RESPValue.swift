package import NIOCore

/// One value of the Redis serialization protocol, version 2.
package enum RESPValue: Sendable, Hashable {
    case simple(String)
    /// What the server refused, as it says it: its first word is the kind, such as `WRONGTYPE`.
    case error(String)
    case integer(Int64)
    case bulk(ByteBuffer)
    case null
    case array([RESPValue])

    /// A number, however the server chose to write it.
    package var integer: Int64? {
        switch self {
        case .integer(let value): value
        case .bulk(let bytes): Int64(String(buffer: bytes))
        case .simple(let text): Int64(text)
        case .error, .null, .array: nil
        }
    }

    /// Text, however the server chose to write it; errors are none.
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

/// A command for the server: its name and arguments, each any bytes.
package struct RedisCommand: Sendable {
    let arguments: [ByteBuffer]
    /// Whether doing it twice is the same as doing it once: then it is sent again when the connection broke under it.
    package let isIdempotent: Bool

    package init(_ arguments: [ByteBuffer], isIdempotent: Bool = false) {
        self.arguments = arguments
        self.isIdempotent = isIdempotent
    }

    package init(_ arguments: [String], isIdempotent: Bool = false) {
        self.init(arguments.map { ByteBuffer(string: $0) }, isIdempotent: isIdempotent)
    }

    /// How many bytes it is on the wire, or a few more.
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
        // Nearly every length has one or two digits, which need no text of their own.
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
