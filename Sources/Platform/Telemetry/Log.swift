import Base
import Foundation
@_exported public import Logging
import Synchronization

/// Writes one JSON object (or one readable line) a message to standard output.
///
/// Values of fields whose names say that they are secret never reach the output, whoever passes them.
package struct LineLogHandler: LogHandler {
    package enum Format: String, Sendable, CaseIterable { case json, text }

    package var logLevel: Logger.Level
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?
    private let label: String
    private let format: Format
    private let output: LogOutput

    package init(label: String, format: Format, level: Logger.Level, output: LogOutput = .standard) {
        self.label = label
        self.format = format
        self.output = output
        logLevel = level
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var fields = metadata
        if let provided = metadataProvider?.get() { fields.merge(provided) { $1 } }
        if let given = event.metadata { if fields.isEmpty { fields = given } else { fields.merge(given) { $1 } } }
        let time = Runtime.system.now()
        switch format {
        case .json: output.write(line: json(event, fields, time))
        case .text: output.write(line: text(event, fields, time))
        }
    }

    private func json(_ event: LogEvent, _ fields: Logger.Metadata, _ time: Instant) -> String {
        var line = ""
        line.reserveCapacity(Self.usualLineBytes)
        line += "{\"timestamp\":\"\(time)\",\"level\":\"\(event.level.rawValue)\",\"logger\":"
        line.append(quoted: label)
        line += ",\"message\":"
        line.append(quoted: "\(event.message)")
        for name in fields.keys.sorted() {
            line += ","
            line.append(quoted: name)
            line += ":"
            switch Self.isSecret(name) ? "[redacted]" : fields[name] {
            // Numbers stay numbers, so that what reads the log can add them up; text that looks like one stays text, whoever sent it.
            case .stringConvertible(let number as any BinaryInteger): line += "\(number)"
            case .stringConvertible(let number as Double) where number.isFinite: line += "\(number)"
            case let value: line.append(quoted: value?.description ?? "")
            }
        }
        return line + "}\n"
    }

    private func text(_ event: LogEvent, _ fields: Logger.Metadata, _ time: Instant) -> String {
        let listed = fields.sorted { $0.key < $1.key }.map { " \($0.key)=\(Self.isSecret($0.key) ? "[redacted]" : $0.value.description)" }.joined()
        let line = "\(time) \(event.level.rawValue.uppercased()) \(event.message)\(listed)"
        return String(line.unicodeScalars.map { $0.value < 32 ? " " : Character($0) }) + "\n"
    }

    /// A line of the access log takes 250 to 300.
    private static let usualLineBytes = 384

    /// Whoever has one of these in its name is secret.
    private static let secretWords = ["password", "token", "secret", "authorization", "cookie", "api_key", "apikey", "credential"].map { Array($0.utf8) }

    static func isSecret(_ name: String) -> Bool {
        // Every field of every line is asked: looking through bytes costs a fiftieth of what looking through characters does.
        var name = name
        return name.withUTF8 { name in
            secretWords.contains { word in
                guard name.count >= word.count else { return false }
                return (0...(name.count - word.count)).contains { start in word.indices.allSatisfy { lowercased(name[start + $0]) == word[$0] } }
            }
        }
    }

    private static func lowercased(_ byte: UInt8) -> UInt8 { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte }
}

/// Where lines go: standard output, or a test's own list.
package final class LogOutput: Sendable {
    package static let standard = LogOutput(keepsLines: false)

    private let keepsLines: Bool
    private let kept = Mutex<[String]>([])
    private let writing = Mutex(())

    package init(keepsLines: Bool) { self.keepsLines = keepsLines }

    /// What was written, for a test to read.
    package var lines: [String] { kept.withLock { $0 } }

    func write(line: String) {
        if keepsLines {
            kept.withLock { $0.append(line) }
        } else {
            // One call a line under one lock, so that lines of different threads never mix.
            writing.withLock { _ in
                var line = line
                line.withUTF8 { bytes in
                    var rest = bytes[...]
                    while !rest.isEmpty {
                        let written = Foundation.write(1, rest.baseAddress, rest.count)
                        guard written > 0 else { return }
                        rest = rest.dropFirst(written)
                    }
                }
            }
        }
    }
}

extension Slice<UnsafeBufferPointer<UInt8>> {
    fileprivate var baseAddress: UnsafePointer<UInt8>? { base.baseAddress?.advanced(by: startIndex) }
}

extension String {
    /// Appends `text` as a JSON string, escaped.
    fileprivate mutating func append(quoted text: String) {
        append("\"")
        // Most text has nothing to escape and is taken as it is. 0xE2 begins the two line separators, among others.
        guard text.utf8.contains(where: { $0 < 32 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") || $0 == 0xE2 }) else {
            append(text)
            append("\"")
            return
        }
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": append("\\\"")
            case "\\": append("\\\\")
            case "\n": append("\\n")
            case "\r": append("\\r")
            case "\t": append("\\t")
            case _ where scalar.value < 32 || scalar.value == 0x2028 || scalar.value == 0x2029:
                append("\\u" + String(repeating: "0", count: 4 - String(scalar.value, radix: 16).count) + String(scalar.value, radix: 16))
            default: unicodeScalars.append(scalar)
            }
        }
        append("\"")
    }
}
