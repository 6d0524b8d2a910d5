import Foundation

/// The values of a file `.env`: lines `NAME=value`, where `#` begins a comment line. Empty values count as not set.
package struct EnvironmentFile: Sendable {
    package let values: [String: String]

    /// - Parameter path: a file that does not exist has no values.
    package init(_ path: String = ".env") {
        self.init(text: (try? String(contentsOfFile: path, encoding: .utf8)) ?? "")
    }

    init(text: String) {
        var values: [String: String] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = parts[0].trimmingCharacters(in: .whitespaces)
            guard parts.count == 2, !name.hasPrefix("#") else { continue }
            let value = parts[1].trimmingCharacters(in: .whitespaces)
            guard !value.isEmpty else { continue }
            let isQuoted = value.count >= 2 && value.first == value.last && (value.first == "\"" || value.first == "'")
            values[name] = isQuoted ? String(value.dropFirst().dropLast()) : value
        }
        self.values = values
    }
}
