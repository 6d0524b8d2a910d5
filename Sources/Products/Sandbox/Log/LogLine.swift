import Modules
import SpotDecisions

/// One line of a session's live log, before it is appended.
struct LogLine: Sendable {
    let type: LogType
    let level: LogLevel
    /// One sentence. It names sessions by their internal id, and contains no key.
    let message: String

    init(_ type: LogType, _ level: LogLevel, _ message: String) {
        self.type = type
        self.level = level
        self.message = message
    }

    init(_ type: LogType, _ message: String) { self.init(type, .info, message) }

    init(_ entry: TraceEntry) { self.init(entry.logType, entry.level, entry.message) }
}

// The messages of a session's topic. Their data are what the clients of the WebSocket get.

/// `log`: a line of the log.
struct SessionLogMessage: Payload {
    var type = "log"
    var logType: String
    var message: String
    var level: String
    var timestamp: Instant

    init(_ line: LogLine, at time: Instant) {
        logType = line.type.rawValue
        message = line.message
        level = line.level.rawValue
        timestamp = time
    }
}

/// `status`: the state of the session.
struct SessionStatusMessage: Payload {
    var type = "status"
    var data: SessionStatus
}

struct SessionStatus: Payload {
    var sessionId: String
    var state: SandboxSession.State
    var isActive: Bool
    var expiresAt: Instant
    var timeRemainingMinutes: Int64
    var targetInstanceId: String
    var cleanUp: SandboxSession.CleanUp
    /// Of the owner; present in the messages of the count every ten minutes.
    var activeSessionsCount: Int64?

    init(_ session: SandboxSession, activeSessions: Int64? = nil, at now: Instant) {
        sessionId = session.key.text
        state = session.state
        isActive = session.isActive(at: now)
        expiresAt = session.expiresAt
        timeRemainingMinutes = session.minutesRemaining(at: now)
        targetInstanceId = session.instance
        cleanUp = session.cleanUp
        activeSessionsCount = activeSessions
    }
}

/// The first message of a WebSocket.
struct SessionConnected: Payload {
    var type = "connected"
    var message: String
    var sessionId: String
}

/// The answer to the text `ping`.
struct SessionPong: Payload {
    var type = "pong"
}
