import Identity
import Modules

/// The use of tools by day, of which ended executions are added in their transactions.
extension Transaction {
    /// Adds an ended execution of a tool to the present day.
    /// - Parameters:
    ///   - server: the name of its server; empty for a tool without one.
    ///   - duration: nil where it is not known.
    func addToolUse(
        _ tool: String, of server: String, in organisation: ID<Organisation>, hasFailed: Bool, duration: Duration?
    ) throws {
        let micros = max(0, duration?.microseconds ?? 0)
        try execute(
            """
            INSERT INTO assistant_tool_usage (starts_at, organisation_id, tool_name, server_name, invocations, failures,
                timed, duration_micros)
            VALUES (\(AssistantUsage.Unit.day.start(of: now)), \(organisation), \(tool), \(server), 1, \(hasFailed),
                \(duration != nil), \(micros))
            ON CONFLICT (starts_at, organisation_id, tool_name, server_name) DO UPDATE SET
                invocations = assistant_tool_usage.invocations + excluded.invocations,
                failures = assistant_tool_usage.failures + excluded.failures,
                timed = assistant_tool_usage.timed + excluded.timed,
                duration_micros = assistant_tool_usage.duration_micros + excluded.duration_micros
            """
        )
    }

    /// The tools with the most executions.
    func toolUsage(_ selection: UsageSelection, limit: Int) throws -> [AssistantToolNumbers] {
        let isSelected = Self.isSelected(selection)
        let tools = try all(
            """
            SELECT tool_name, CAST(SUM(invocations) AS \(.integer)) AS invocations,
                CAST(SUM(failures) AS \(.integer)) AS failures, CAST(SUM(timed) AS \(.integer)) AS timed,
                CAST(SUM(duration_micros) AS \(.integer)) AS duration_micros
            FROM assistant_tool_usage WHERE \(isSelected)
            GROUP BY tool_name ORDER BY SUM(invocations) DESC, tool_name LIMIT \(limit)
            """,
            AssistantToolNumbers.init)
        return try tools.map { tool in
            var tool = tool
            tool.servers = try all(
                """
                SELECT DISTINCT server_name FROM assistant_tool_usage
                WHERE tool_name = \(tool.toolName) AND server_name <> '' AND \(isSelected)
                ORDER BY server_name LIMIT \(AssistantToolReport.serversMax)
                """
            ) { try $0["server_name"] }
            return tool
        }
    }

    private static func isSelected(_ selection: UsageSelection) -> SQL {
        let (start, end) = (selection.range.lowerBound, selection.range.upperBound)
        let days: SQL = "starts_at >= \(start) AND starts_at < \(end)"
        return if let organisation = selection.organisation {
            "\(days) AND organisation_id = \(organisation)"
        } else {
            days
        }
    }

    /// - Returns: how many rows.
    func deleteToolUsage(before time: Instant) throws -> Int {
        try execute("DELETE FROM assistant_tool_usage WHERE starts_at < \(time)")
    }
}

/// The executions of a tool.
struct AssistantToolNumbers: Codable, Sendable {
    var toolName: String
    var invocations: Int64
    /// From 0 to 1.
    var successRate: DecimalNumber
    /// Of those whose duration is known; nil without one.
    var averageDurationMs: Int64?
    var servers: [String]

    init(row: Row) throws {
        let (total, failures): (Int64, Int64) = (try row["invocations"], try row["failures"])
        let (timed, micros): (Int64, Int64) = (try row["timed"], try row["duration_micros"])
        toolName = try row["tool_name"]
        invocations = total
        successRate = DecimalNumber((total - failures) * 10_000 / max(1, total), fractionDigits: 4)
        averageDurationMs = timed > 0 ? micros / timed / 1_000 : nil
        servers = []
    }
}

struct AssistantToolReport: Payload {
    /// The beginning of a day, in UTC.
    var startDate: Instant
    /// The beginning of the day that is not counted any more.
    var endDate: Instant
    /// Those with the most executions, at most 20.
    var tools: [AssistantToolNumbers]

    static let toolsMax = 20
    static let serversMax = 20
    static let days: Int64 = 7
}
