import Identity
import Modules

/// What was done for a session.
struct SandboxAction: Sendable {
    enum Kind: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        /// An evaluation.
        case monitoring = "MONITORING"
        case imageCreation = "AMI_CREATE"
        case spotLaunch = "SPOT_LAUNCH"
        case healthCheck = "HEALTH_CHECK"
        case instanceStop = "INSTANCE_STOP"
        case rollBack = "ROLL_BACK"
        case cleanUp = "CLEAN_UP"
    }

    enum Status: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        case success = "SUCCESS"
        case failed = "FAILED"
        case inProgress = "IN_PROGRESS"
    }

    let kind: Kind
    let status: Status
    /// One sentence.
    let details: String
    let executionMilliseconds: Int64?
    let error: String?
    let createdAt: Instant

    /// Of a session: the newest ones are listed.
    static let listedMax = 500

    init(row: Row) throws {
        kind = try row["kind"]
        status = try row["status"]
        details = try row["details"]
        executionMilliseconds = try row["execution_time_ms"]
        error = try row["error_message"]
        createdAt = try row["created_at"]
    }
}
