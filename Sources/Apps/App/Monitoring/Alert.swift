/// A number of this installation that is above its threshold.
struct Alert: Codable, Sendable {
    enum Name: String, Codable, Sendable, CaseIterable {
        case cpu, memory, sessions

        /// In per cent, and in active sessions of the assistant.
        var threshold: Double {
            switch self {
            case .cpu, .memory: 80
            case .sessions: 100
            }
        }

        var meaning: String {
            switch self {
            case .cpu: "The processors of this machine are busy."
            case .memory: "The memory of this machine is used."
            case .sessions: "Many sessions of the assistant are active."
            }
        }
    }

    enum Severity: String, Codable, Sendable, CaseIterable { case warning }

    var name: Name
    var severity: Severity
    var value: Double
    var threshold: Double
    var message: String

    /// Nil for a number that is not known, or not above the threshold.
    init?(_ name: Name, _ value: Double?) {
        guard let value, value > name.threshold else { return nil }
        self.name = name
        severity = .warning
        self.value = value
        threshold = name.threshold
        message = name.meaning
    }
}
