import Identity
import MCP
import Modules
import Outbound

/// A server of the Model Context Protocol of an organisation: one that a member has added by its URL, or one of the
/// installation's processes (``MCPServerFile``).
///
/// | status | event | next |
/// |---|---|---|
/// | stopped, error, running | start, and the server lists its tools | running |
/// | stopped, error, running | start, and the server fails | error |
/// | any | stop | stopped |
struct MCPServer: Sendable {
    enum Kind: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        /// By Streamable HTTP.
        case http
        /// A process in the sandbox.
        case stdio
    }

    enum Status: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable { case running, stopped, error }

    /// Which calls need the consent of a person.
    enum Approval: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        case always
        /// Those of tools that do not say of themselves that they only read.
        case dangerous
        case never
    }

    let id: ID<MCPServer>
    let organisation: ID<Organisation>
    /// Who has added it.
    let person: ID<Person>
    let name: String
    let kind: Kind
    /// Nil for a process.
    let url: UserURL?
    /// Encrypted for the row.
    let sealedHeaders: String?
    /// Of tools with one name, that of the server with the highest priority is used.
    let priority: Int64
    let approval: Approval
    let status: Status
    /// Why the last start has failed.
    let error: String?
    let startedAt: Instant?
    let createdAt: Instant

    /// Of an organisation.
    static let countMax: Int64 = 20
    static let priorities: ClosedRange<Int64> = -1_000...1_000

    init(row: Row) throws {
        id = try row["id"]
        organisation = try row["organisation_id"]
        person = try row["person_id"]
        name = try row["name"]
        kind = try row["kind"]
        url = try (row["url"] as String?).flatMap { try? UserURL($0) }
        sealedHeaders = try row["sealed_headers"]
        priority = try row["priority"]
        approval = try row["approval"]
        status = try row["status"]
        error = try row["error"]
        startedAt = try row["started_at"]
        createdAt = try row["created_at"]
    }

    /// Whether a call of one of its tools needs the consent of a person. What a server says of its tools is its own
    /// word: an organisation that does not believe it sets ``Approval/always``.
    func needsApproval(for tool: MCPTool) -> Bool {
        switch approval {
        case .always: true
        case .dangerous: !tool.isReadOnly
        case .never: false
        }
    }

    /// Whether a text is the name of a server: 1 to 64 letters, digits, hyphens and underscores.
    static func isName(_ text: String) -> Bool { ToolName.isValid(text, upTo: 64) }
}

/// A tool with the server that has it.
struct MCPServerTool: Sendable {
    let server: MCPServer
    let tool: MCPTool

    var needsApproval: Bool { server.needsApproval(for: tool) }
}
