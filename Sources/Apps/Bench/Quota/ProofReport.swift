import Foundation

/// What a process of the proof says of each of its operations, a line each, appended with one call to the system: a killed process leaves
/// whole lines.
struct ProofReport: Sendable {
    enum Word: String, Sendable {
        /// About to be asked for; with the customer and the units.
        case asks
        case refused, released
        /// Acknowledged; with the units that were charged.
        case committed
        /// Given up without a word.
        case abandoned
        /// Answered with something else, such as an overloaded database.
        case failed
    }

    struct Line: Sendable {
        let word: Word
        let key: String
        let numbers: [Int64]

        init?(_ text: Substring) {
            let parts = text.split(separator: " ")
            guard parts.count >= 2, let word = Word(rawValue: String(parts[0])) else { return nil }
            self.word = word
            key = String(parts[1])
            numbers = parts.dropFirst(2).compactMap { Int64($0) }
        }
    }

    private let descriptor: Int32

    init(appendingTo path: String) throws {
        descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw CocoaError(.fileWriteUnknown) }
    }

    func say(_ word: Word, _ key: String, _ numbers: Int64...) {
        let line = Array(([word.rawValue, key] + numbers.map { "\($0)" }).joined(separator: " ").utf8 + [10])
        _ = write(descriptor, line, line.count)
    }

    static func lines(of path: String) throws -> [Line] {
        try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").compactMap { Line($0) }
    }
}
