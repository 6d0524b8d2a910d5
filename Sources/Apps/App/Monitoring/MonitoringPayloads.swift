import Modules

/// The state of this process and its machine.
struct MonitoringStatus: Payload {
    var status: PartHealth.Status
    var version: String
    var environment: String
    var startedAt: Instant
    var uptimeSeconds: Int64
    /// Absent where the system does not tell.
    var cpuPercent: Double?
    var memoryPercent: Double?
    var memoryBytes: Int64?
    var processMemoryBytes: Int64?
    /// Of the assistant, in all organisations; absent while the database does not answer.
    var activeSessions: Int64?
    var jobsWaiting: Int?
    var jobsRunning: Int?
    var jobsDead: Int?
    var timestamp: Instant
}

struct AlertList: Payload {
    var alerts: [Alert]
    var total: Int
    var timestamp: Instant
}

struct MonitoringDashboard: Payload {
    var status: MonitoringStatus
    var components: [PartHealth]
    var alerts: [Alert]
    var timestamp: Instant
}

/// A metric that was counted, to be found where metrics are collected.
struct CountedTestMetric: Payload {
    var name: String
    /// Since the start of the process.
    var value: Int64
    var message: String
}

/// A line of the log. Its fields differ from message to message.
struct LogLineView: Codable, Sendable {
    var timestamp: String
    var level: String
    var logger: String
    var message: String
    /// Values of secret fields are redacted.
    var fields: [String: JSONValue]

    /// - Parameter line: a JSON object.
    init(_ line: JSONValue) {
        var members = line.object ?? [:]
        timestamp = members.removeValue(forKey: "timestamp")?.string ?? ""
        level = members.removeValue(forKey: "level")?.string ?? ""
        logger = members.removeValue(forKey: "logger")?.string ?? ""
        message = members.removeValue(forKey: "message")?.string ?? ""
        fields = members
    }
}

struct LogLineList: Payload {
    /// The oldest first.
    var logs: [LogLineView]
    var total: Int
}

struct LoggedTestError: Payload {
    var message: String
    /// Of the line.
    var reference: String
}

struct ClearedCaches: Payload {
    var message: String
    var cleared: Int
}
