import Identity
import Modules

/// A call of a tool: one that this server makes, or one that a client reports.
///
/// | state | event | next |
/// |---|---|---|
/// | – | a call that needs consent | pending |
/// | – | another call | running |
/// | pending | consent | running |
/// | pending | refusal; a day | failed |
/// | running | the server's result | completed; failed where the tool says so |
/// | running | no result; the process is killed, after ten minutes | failed |
struct ToolExecution: Sendable {
    enum Status: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        case pending, running, completed, failed
    }

    enum Kind: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable { case mcp, native, custom }

    let id: ID<ToolExecution>
    let organisation: ID<Organisation>
    let person: ID<Person>
    let session: ID<AssistantSession>?
    let toolName: String
    let kind: Kind
    let server: String?
    /// Of the tool that a person is asked about (``MCPConnections/digest(of:)``).
    let toolDigest: String?
    /// JSON.
    let input: String
    /// JSON.
    let output: String?
    let status: Status
    let error: String?
    let milliseconds: Int64?
    /// Whether a client has reported it; this server has called nothing.
    let isReported: Bool
    let createdAt: Instant
    let completedAt: Instant?

    /// Of one person, until old ones are pruned.
    static let countMax: Int64 = 10_000
    /// Calls of an organisation that run at once.
    static let runningMax: Int64 = 16
    static let inputBytesMax = 256 << 10
    static let outputBytesMax = 1 << 20
    static let errorMax = 1_000
    /// Longer than a call takes.
    static let lifetime = Duration.minutes(10)
    /// A question that was not answered for this long is refused.
    static let pendingTime = Duration.hours(24)
    /// Those without a session are pruned after it.
    static let retention = Duration.days(90)

    init(row: Row) throws {
        id = try row["id"]
        organisation = try row["organisation_id"]
        person = try row["person_id"]
        session = try row["session_id"]
        toolName = try row["tool_name"]
        kind = try row["tool_type"]
        server = try row["server_name"]
        toolDigest = try row["tool_digest"]
        input = try row["input_params"]
        output = try row["output"]
        status = try row["status"]
        error = try row["error_message"]
        milliseconds = try row["execution_millis"]
        isReported = try row["is_reported"]
        createdAt = try row["created_at"]
        completedAt = try row["completed_at"]
    }
}

extension ID where Subject == ToolExecution {
    /// Where a person consents to the call.
    var approvalPath: String { "/v1/mcp/executions/\(text)/approval" }
}

/// How a call has ended.
struct ToolExecutionEnd: Sendable {
    /// JSON; nil without a result.
    let output: String?
    /// Nil where the tool has succeeded.
    let error: String?
    /// Nil where it is not known.
    let milliseconds: Int64?

    var status: ToolExecution.Status { error == nil ? .completed : .failed }
}
