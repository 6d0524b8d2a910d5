import Foundation

/// The report of a process of the proof: one line an event of an operation, appended by one system call, so that a
/// killed process leaves whole lines.
struct ProofReport: Sendable {
    enum Event: String, Sendable {
        /// Before the request; with the account and the units.
        case requested
        case refused, released
        /// Acknowledged; with the units that were charged.
        case committed
        /// Neither committed nor released.
        case abandoned
        /// Another error, such as an overloaded database.
        case failed
    }

    struct Line: Sendable {
        let event: Event
        let key: String
        let numbers: [Int64]

        init?(_ text: Substring) {
            let parts = text.split(separator: " ")
            guard parts.count >= 2, let event = Event(rawValue: String(parts[0])) else { return nil }
            self.event = event
            key = String(parts[1])
            numbers = parts.dropFirst(2).compactMap { Int64($0) }
        }
    }

    private let descriptor: Int32

    init(appendingTo path: String) throws {
        descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw CocoaError(.fileWriteUnknown) }
    }

    func append(_ event: Event, _ key: String, _ numbers: Int64...) {
        let line = Array(([event.rawValue, key] + numbers.map { "\($0)" }).joined(separator: " ").utf8 + [10])
        _ = write(descriptor, line, line.count)
    }

    static func lines(of path: String) throws -> [Line] {
        try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").compactMap { Line($0) }
    }
}
