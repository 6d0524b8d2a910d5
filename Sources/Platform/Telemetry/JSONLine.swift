import Base
import Logging

/// Writes lines of one level and message, each a JSON object.
struct JSONLines: Sendable {
    private let prefix: [UInt8]
    private let level: Logger.Level
    /// Nil where lines are only kept.
    private let output: LogOutput?
    private let recent: RecentLog?

    init(_ label: String, _ level: Logger.Level, _ message: String, _ output: LogOutput?, _ recent: RecentLog?) {
        self.level = level
        self.output = output
        self.recent = recent
        var prefix: [UInt8] = []
        prefix.append(#"","level":""#)
        prefix.append(level.rawValue)
        prefix.append(#"","logger":"#)
        prefix.append(quoted: label)
        prefix.append(#","message":"#)
        prefix.append(quoted: message)
        self.prefix = prefix
    }

    /// - Returns: the number of lines dropped before this one.
    func write(_ addFields: (inout JSONLine) -> Void) -> Int {
        var line = JSONLine(at: Runtime.system.now(), prefix)
        addFields(&line)
        let bytes = line.ended()
        recent?.add(bytes, level)
        return output?.write(line: bytes) ?? 0
    }
}

/// A partial line.
struct JSONLine {
    private var bytes: [UInt8] = []

    /// In bytes. A line of the access log takes 250 to 300.
    private static let initialCapacity = 384

    fileprivate init(at time: Instant, _ prefix: [UInt8]) {
        bytes.reserveCapacity(Self.initialCapacity)
        bytes.append(#"{"timestamp":""#)
        bytes.append(time.description)
        bytes.append(contentsOf: prefix)
    }

    mutating func add(_ name: String, _ text: String) {
        begin(name)
        bytes.append(quoted: text)
    }

    /// - Parameter number: in the syntax of JSON numbers.
    mutating func add(_ name: String, number: String) {
        begin(name)
        bytes.append(number)
    }

    // Fields whose names are constants of the program.

    /// - Parameter prefix: the comma, the quoted name and the colon.
    mutating func add(field prefix: StaticString, _ text: String) {
        append(prefix)
        bytes.append(quoted: text)
    }

    mutating func add(field prefix: StaticString, _ number: Int64) {
        append(prefix)
        bytes.append(decimal: number)
    }

    /// With three decimals.
    mutating func add(field prefix: StaticString, thousandths number: Int64) {
        append(prefix)
        bytes.append(decimal: number, fractionDigits: 3)
    }

    private mutating func append(_ text: StaticString) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
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

    /// A log line stays one line for readers that split at U+2028 or U+2029.
    fileprivate mutating func append(quoted text: String) { append(jsonString: text, escapesLineSeparators: true) }
}
