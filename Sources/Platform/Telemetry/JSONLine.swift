import Base
import Logging

/// Lines of one level and message, each a JSON object.
struct JSONLines: Sendable {
    private let head: [UInt8]
    private let output: LogOutput

    init(_ label: String, _ level: Logger.Level, _ message: String, _ output: LogOutput) {
        self.output = output
        var head: [UInt8] = []
        head.append(#"","level":""#)
        head.append(level.rawValue)
        head.append(#"","logger":"#)
        head.append(quoted: label)
        head.append(#","message":"#)
        head.append(quoted: message)
        self.head = head
    }

    /// - Returns: how many lines were lost before this one, to be told once.
    func write(_ addFields: (inout JSONLine) -> Void) -> Int {
        var line = JSONLine(at: Runtime.system.now(), head)
        addFields(&line)
        return output.write(line: line.ended())
    }
}

/// A line while it is written.
struct JSONLine {
    private var bytes: [UInt8] = []

    /// A line of the access log takes 250 to 300.
    private static let usualBytes = 384

    fileprivate init(at time: Instant, _ head: [UInt8]) {
        bytes.reserveCapacity(Self.usualBytes)
        bytes.append(#"{"timestamp":""#)
        bytes.append(time.description)
        bytes.append(contentsOf: head)
    }

    mutating func add(_ name: String, _ text: String) {
        begin(name)
        bytes.append(quoted: text)
    }

    /// - Parameter number: in digits as JSON has them.
    mutating func add(_ name: String, number: String) {
        begin(name)
        bytes.append(number)
    }

    private mutating func begin(_ name: String) {
        bytes.append(",")
        bytes.append(quoted: name)
        bytes.append(":")
    }

    fileprivate consuming func ended() -> [UInt8] {
        bytes.append("}\n")
        return bytes
    }
}

extension [UInt8] {
    fileprivate mutating func append(_ text: String) { append(contentsOf: text.utf8) }

    /// Appends `text` as a JSON string, escaped.
    fileprivate mutating func append(quoted text: String) {
        append(UInt8(ascii: "\""))
        // Most text has nothing to escape and is taken as it is. 0xE2 begins the two line separators, among others.
        if text.utf8.contains(where: { $0 < 32 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") || $0 == 0xE2 })
        {
            for scalar in text.unicodeScalars { append(escaping: scalar) }
        } else {
            append(text)
        }
        append(UInt8(ascii: "\""))
    }

    private mutating func append(escaping scalar: Unicode.Scalar) {
        switch scalar {
        case "\"": append("\\\"")
        case "\\": append("\\\\")
        case "\n": append("\\n")
        case "\r": append("\\r")
        case "\t": append("\\t")
        case _ where scalar.value < 32 || scalar.value == 0x2028 || scalar.value == 0x2029:
            append(
                "\\u" + String(repeating: "0", count: 4 - String(scalar.value, radix: 16).count)
                    + String(scalar.value, radix: 16))
        default: append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
        }
    }
}
