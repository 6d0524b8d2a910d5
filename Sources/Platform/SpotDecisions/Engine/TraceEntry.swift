package import Base

/// What a line of a session's live log is about. The raw values are those of its clients.
package enum LogType: String, Sendable, Hashable, CaseIterable {
    case scraper = "SCRAPER"
    case system = "SYSTEM"
    case setup = "SETUP"
    case sandbox = "SANDBOX"
    case monitor = "MONITOR"
    case credentials = "CREDENTIALS"
    case override = "OVERRIDE"
    case logic = "LOGIC"
    case action = "ACTION"
    case network = "NETWORK"
    case success = "SUCCESS"
    case info = "INFO"
    case error = "ERROR"
}

package enum LogLevel: String, Sendable, Hashable, CaseIterable {
    case info = "INFO"
    case warning = "WARNING"
    case error = "ERROR"
}

/// A line of the execution trace of a decision, which is also a line of the live log.
package struct TraceEntry: Sendable, Hashable {
    package let time: Instant
    package let stage: DecisionStage
    package let logType: LogType
    package let level: LogLevel
    /// One sentence.
    package let message: String
    /// Prices in US dollars an hour, rates and probabilities from 0 to 1, counts.
    package let data: [String: JSONValue]
}
