import Modules
import Realtime
import SpotDecisions

struct CreateSandboxSession: Payload {
    /// Such as `i-0123456789abcdef0`.
    var instanceId: String
    var instanceType: String
    var availabilityZone: String
    var awsAccessKey: String
    var awsSecretKey: String
    /// Of temporary credentials.
    var awsSessionToken: String?
    /// `ap-south-1` by default.
    var awsRegion: String?
    /// 2 by default.
    var ttlHours: Int64?
    /// Whether a decision to switch replaces the instance; false by default.
    var actuate: Bool?
    /// How it is replaced; `ec2` by default.
    var actuator: SandboxActuator?

    static let rules: [String: Rule] = [
        "instance_id": .length(1...32), "instance_type": .length(1...32), "availability_zone": .length(1...32),
        "aws_access_key": .length(1...128), "aws_secret_key": .length(1...128),
        "aws_session_token": .length(1...8_192), "aws_region": .length(1...32), "ttl_hours": .range(1...24),
    ]
}

enum SandboxActuator: String, Codable, Sendable, CaseIterable {
    case ec2
    case kubernetes
}

struct SandboxSessionCreated: Payload {
    var sessionId: String
    var tempUsername: String
    /// It is not shown again.
    var tempPassword: String
    var expiresAt: Instant
    var dashboardUrl: String
    /// The topic of the log, for the owner: `GET /v1/realtime/topics/{topic}`.
    var logTopic: String
    /// `verified`, or `unavailable` where AWS cannot be reached: decisions then use built-in tables.
    var aws: AWSAccess
}

enum AWSAccess: String, Codable, Sendable, CaseIterable {
    case verified
    case unavailable
}

struct SandboxSessionView: Payload {
    var sessionId: String
    var isActive: Bool
    var expiresAt: Instant
    var targetInstanceId: String
    var targetInstanceType: String
    var targetAvailabilityZone: String
    var createdAt: Instant
    /// Whole minutes, rounded up; 0 for a session that has ended.
    var timeRemainingMinutes: Int64
    var state: SandboxSession.State
    var originalInstanceId: String
    var actuate: Bool
    var aws: AWSAccess
    var awsSignal: String
    var dashboardUrl: String
    var logTopic: String
    var cleanUp: SandboxSession.CleanUp
    /// What is left in AWS and why: what could not be removed, or a replacement that stays because the original
    /// instance does not exist any more.
    var cleanUpReport: String?

    init(_ session: SandboxSession, at now: Instant) {
        sessionId = session.key.text
        isActive = session.isActive(at: now)
        expiresAt = session.expiresAt
        targetInstanceId = session.instance
        targetInstanceType = session.pool.instanceType
        targetAvailabilityZone = session.pool.availabilityZone
        createdAt = session.createdAt
        timeRemainingMinutes = session.minutesRemaining(at: now)
        state = isActive || session.state == .ended ? session.state : .expired
        originalInstanceId = session.originalInstance
        actuate = session.actuates
        aws = session.awsAccount == nil ? .unavailable : .verified
        awsSignal = session.signal.rawValue
        dashboardUrl = session.dashboardPath
        logTopic = SessionLogService.topic(of: session).name.text
        cleanUp = session.cleanUp
        cleanUpReport = session.cleanUpReport
    }
}

struct SandboxSessionList: Payload {
    var sessions: [SandboxSessionView]
    var total: Int64

    var listTotal: Int64? { total }
}

struct SandboxSessionEnded: Payload {
    var message: String
    var originalInstanceId: String
}

struct SandboxSignal: Payload {
    /// `NONE`, `REBALANCE_RECOMMENDATION` or `INSTANCE_TERMINATION`: what the metadata of the instance say.
    var signal: String

    static let rules: [String: Rule] = ["signal": .oneOf(InterruptionSignal.allCases.map(\.rawValue))]
}

struct SandboxSignalSet: Payload {
    var sessionId: String
    var awsSignal: String
}

extension SandboxSession {
    var dashboardPath: String { "/sandbox/\(key.text)" }

    /// Whole minutes, rounded up.
    func minutesRemaining(at now: Instant) -> Int64 {
        isActive(at: now) ? ((expiresAt - now).microseconds + 59_999_999) / 60_000_000 : 0
    }
}
