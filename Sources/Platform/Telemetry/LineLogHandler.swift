import Base
import Foundation
@_exported public import Logging

/// Formats a log message as one JSON object, or as one line of text.
///
/// Values of fields with secret names are replaced by `[redacted]`.
package struct LineLogHandler: LogHandler {
    package enum Format: String, Sendable, CaseIterable { case json, text }

    package var logLevel: Logger.Level
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?
    private let label: String
    private let format: Format
    private let output: LogOutput
    private let recent: RecentLog?

    /// - Parameter recent: keeps the lines too; nil for none.
    package init(
        label: String, format: Format, level: Logger.Level, output: LogOutput = .standard, recent: RecentLog? = nil
    ) {
        self.label = label
        self.format = format
        self.output = output
        self.recent = recent
        logLevel = level
    }

    static let dropped: Logger.Message = "log lines were dropped"

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var fields = metadata
        if let provided = metadataProvider?.get() { fields.merge(provided) { $1 } }
        if let given = event.metadata { if fields.isEmpty { fields = given } else { fields.merge(given) { $1 } } }
        let dropped =
            switch format {
            case .json: lines(event, output).write { Self.write(fields, to: &$0) }
            case .text: output.write(line: Array(text(event, fields, Runtime.system.now()).utf8))
            }
        if format == .text, recent != nil { _ = lines(event, nil).write { Self.write(fields, to: &$0) } }
        if dropped > 0 {
            log(
                event: LogEvent(
                    level: .warning, message: Self.dropped, metadata: ["count": .stringConvertible(dropped)],
                    source: event.source,
                    file: event.file, function: event.function, line: event.line))
        }
    }

    private func lines(_ event: LogEvent, _ output: LogOutput?) -> JSONLines {
        JSONLines(label, event.level, event.message.description, output, recent)
    }

    /// A writer of lines that have all their fields from the caller, none of them secret. The caller adds those of
    /// ``metadataProvider`` too, which are those of a task.
    /// - Returns: nil where this handler does not write JSON, or adds fields of its own.
    func jsonLines(_ level: Logger.Level, _ message: String) -> JSONLines? {
        format == .json && metadata.isEmpty ? JSONLines(label, level, message, output, recent) : nil
    }

    private static func write(_ fields: Logger.Metadata, to line: inout JSONLine) {
        for (name, value) in fields.sorted(by: { $0.key < $1.key }) {
            switch Self.isSecret(name) ? "[redacted]" : value {
            case .string(let text): line.add(name, text)
            // Numbers are JSON numbers; text that looks like a number stays a string. The usual types come first,
            // because a cast to a protocol is slow.
            case .stringConvertible(let number as Int): line.add(name, number: number.description)
            case .stringConvertible(let number as Double) where number.isFinite:
                line.add(name, number: number.description)
            case .stringConvertible(let number as any BinaryInteger): line.add(name, number: number.description)
            case let value: line.add(name, value.description)
            }
        }
    }

    private func text(_ event: LogEvent, _ fields: Logger.Metadata, _ time: Instant) -> String {
        let listed = fields.sorted { $0.key < $1.key }.map {
            " \($0.key)=\(Self.isSecret($0.key) ? "[redacted]" : $0.value.description)"
        }.joined()
        let line = "\(time) \(event.level.rawValue.uppercased()) \(event.message)\(listed)"
        return String(line.unicodeScalars.map { $0.value < 32 ? " " : Character($0) }) + "\n"
    }

    /// A field whose name contains one of these is secret.
    private static let secretWords = [
        "password", "token", "secret", "authorization", "cookie", "api_key", "apikey", "credential",
    ].map { Array($0.utf8) }

    static func isSecret(_ name: String) -> Bool {
        // Called for each field of each line: it compares bytes, and a word only where its first letter matches.
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

    private static func lowercased(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }
}
