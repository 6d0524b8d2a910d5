import Identity
import MCP
import Modules

/// The SQL of servers and their tools.
extension Transaction {
    /// - Returns: false where the organisation has one of this name.
    func insertMCPServer(
        _ id: ID<MCPServer>, name: String, kind: MCPServer.Kind, url: String?, sealedHeaders: String?,
        priority: Int64, approval: MCPServer.Approval, by person: ID<Person>, of organisation: ID<Organisation>
    ) throws -> Bool {
        try execute(
            """
            INSERT INTO assistant_mcp_servers (id, organisation_id, person_id, name, kind, url, sealed_headers,
                priority, approval, status, created_at, updated_at)
            VALUES (\(id), \(organisation), \(person), \(name), \(kind), \(url), \(sealedHeaders), \(priority),
                \(approval), 'stopped', \(now), \(now))
            ON CONFLICT (organisation_id, name) DO NOTHING
            """
        ) == 1
    }

    func mcpServer(_ name: String, of organisation: ID<Organisation>, isLocked: Bool = false) throws -> MCPServer? {
        let lock: SQL = isLocked ? "\(.forUpdate)" : ""
        return try first(
            """
            SELECT * FROM assistant_mcp_servers
            WHERE organisation_id = \(organisation) AND name = \(name) \(lock)
            """,
            MCPServer.init)
    }

    func mcpServers(of organisation: ID<Organisation>) throws -> [MCPServer] {
        try all(
            """
            SELECT * FROM assistant_mcp_servers WHERE organisation_id = \(organisation)
            ORDER BY priority DESC, name
            """,
            MCPServer.init)
    }

    func countMCPServers(of organisation: ID<Organisation>) throws -> Int64 {
        try count(
            "SELECT COUNT(*) AS count FROM assistant_mcp_servers WHERE organisation_id = \(organisation)")
    }

    func delete(_ server: MCPServer) throws {
        try deleteTools(of: server)
        try execute(
            """
            DELETE FROM assistant_mcp_servers WHERE id = \(server.id) AND organisation_id = \(server.organisation)
            """
        )
    }

    func setMCPServer(_ server: MCPServer, to status: MCPServer.Status, error: String? = nil) throws {
        let started = status == .running ? now : server.startedAt
        try execute(
            """
            UPDATE assistant_mcp_servers SET status = \(status), error = \(error), started_at = \(started),
                updated_at = \(now)
            WHERE id = \(server.id) AND organisation_id = \(server.organisation)
            """
        )
    }

    // MARK: Tools

    func replaceTools(of server: MCPServer, with tools: [MCPTool]) throws {
        try deleteTools(of: server)
        for (position, tool) in tools.enumerated() {
            try execute(
                """
                INSERT INTO assistant_mcp_tools (server_id, name, organisation_id, position, definition)
                VALUES (\(server.id), \(tool.name), \(server.organisation), \(position),
                    \(try JSONColumn.encode(tool.json).replacingNUL))
                """
            )
        }
    }

    private func deleteTools(of server: MCPServer) throws {
        try execute(
            """
            DELETE FROM assistant_mcp_tools
            WHERE server_id = \(server.id) AND organisation_id = \(server.organisation)
            """
        )
    }

    /// In the order of the server.
    func tools(of server: MCPServer) throws -> [MCPTool] {
        try all(
            """
            SELECT definition FROM assistant_mcp_tools
            WHERE server_id = \(server.id) AND organisation_id = \(server.organisation) ORDER BY position
            """
        ) { try Self.tool($0) }.compactMap { $0 }
    }

    /// - Parameter server: nil for the running server with the highest priority that has the tool.
    func mcpTool(_ name: String, of server: String?, in organisation: ID<Organisation>) throws -> MCPServerTool? {
        let isServer: SQL =
            if let server { "assistant_mcp_servers.name = \(server)" } else {
                "assistant_mcp_servers.status = 'running'"
            }
        return try first(
            """
            SELECT assistant_mcp_servers.*, definition FROM assistant_mcp_tools
                JOIN assistant_mcp_servers ON assistant_mcp_servers.id = assistant_mcp_tools.server_id
            WHERE assistant_mcp_tools.organisation_id = \(organisation) AND assistant_mcp_tools.name = \(name)
                AND assistant_mcp_servers.organisation_id = \(organisation) AND \(isServer)
            ORDER BY assistant_mcp_servers.priority DESC, assistant_mcp_servers.name LIMIT 1
            """
        ) { row in
            let server = try MCPServer(row: row)
            return try Self.tool(row).map { MCPServerTool(server: server, tool: $0) }
        } ?? nil
    }

    private static func tool(_ row: Row) throws -> MCPTool? {
        MCPTool(try JSONValue(parsing: (row["definition"] as String).utf8))
    }
}
