import Base
import Foundation
@_exported public import Logging

/// Makes one JSON object (or one readable line) of a message.
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
        let lost =
            switch format {
            case .json: output.write(line: json(event, fields, time))
            case .text: output.write(line: Array(text(event, fields, time).utf8))
            }
        if lost > 0 {
            log(
                event: LogEvent(
                    level: .warning, message: "lines of this log were lost", metadata: ["count": .stringConvertible(lost)], source: event.source,
                    file: event.file, function: event.function, line: event.line))
        }
    }

    private func json(_ event: LogEvent, _ fields: Logger.Metadata, _ time: Instant) -> [UInt8] {
        var line: [UInt8] = []
        line.reserveCapacity(Self.usualLineBytes)
        line.append(#"{"timestamp":""#)
        line.append(time.description)
        line.append(#"","level":""#)
        line.append(event.level.rawValue)
        line.append(#"","logger":"#)
        line.append(quoted: label)
        line.append(#","message":"#)
        line.append(quoted: event.message.description)
        for (name, value) in fields.sorted(by: { $0.key < $1.key }) {
            line.append(",")
            line.append(quoted: name)
            line.append(":")
            switch Self.isSecret(name) ? "[redacted]" : value {
            case .string(let text): line.append(quoted: text)
            // Numbers stay numbers, so that what reads the log can add them up; text that looks like one stays text, whoever sent it. The usual types
            // come first: to ask for a protocol takes far longer.
            case .stringConvertible(let number as Int): line.append(number.description)
            case .stringConvertible(let number as Double) where number.isFinite: line.append(number.description)
            case .stringConvertible(let number as any BinaryInteger): line.append(number.description)
            case let value: line.append(quoted: value.description)
            }
        }
        line.append("}\n")
        return line
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
        // Every field of every line is asked, so this looks through bytes, and at a word only where its first letter stands.
        var name = name
        return name.withUTF8 { name in
            name.indices.contains { start in
                secretWords.contains { word in
                    lowercased(name[start]) == word[0] && name.count - start >= word.count
                        && word.indices.allSatisfy { lowercased(name[start + $0]) == word[$0] }
                }
            }
        }
    }

    private static func lowercased(_ byte: UInt8) -> UInt8 { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte }
}

extension [UInt8] {
    fileprivate mutating func append(_ text: String) { append(contentsOf: text.utf8) }

    /// Appends `text` as a JSON string, escaped.
    fileprivate mutating func append(quoted text: String) {
        append(UInt8(ascii: "\""))
        // Most text has nothing to escape and is taken as it is. 0xE2 begins the two line separators, among others.
        if text.utf8.contains(where: { $0 < 32 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") || $0 == 0xE2 }) {
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
            append("\\u" + String(repeating: "0", count: 4 - String(scalar.value, radix: 16).count) + String(scalar.value, radix: 16))
        default: append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
        }
    }
}
