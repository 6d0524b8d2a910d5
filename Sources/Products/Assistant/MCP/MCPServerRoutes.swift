import Entitlements
import Identity
import MCP
import Modules
import Rates

/// The endpoints of tool servers. A session is needed to change them: what they do outlasts a key.
struct MCPServerRoutes: Sendable {
    let servers: MCPServerService
    let member: Member
    let entitlements: EntitlementsModule

    var routes: [Route] { (reading + changes).map { $0.guarded(by: entitlements.rate(.assistant)) } }

    private var reading: [Route] {
        let access = member.allowing(.assistant)
        return [
            .get("mcp/servers", "List the organisation's tool servers, by priority", requires: access) { [servers] in
                try await servers.list(scope: $0)
            },
            .get("mcp/config", "List the tool servers with what the installation offers", requires: access) {
                [servers] in try await servers.configuration(scope: $0)
            },
            .get(
                "mcp/tools", "List the tools of the running servers, or of one server", requires: access,
                .query("server", upTo: 64), problems: [.mcpServerNotFound]
            ) { [servers] in try await servers.tools(of: $1, scope: $0) },
        ]
    }

    private var changes: [Route] {
        let name: PathText = .path("name")
        let problems: [Problem.Kind] = [.mcpServerNotFound, .notConfigured, .notFound, .rateLimited]
        return [
            .post(
                "mcp/config/servers", "Add a tool server that is reached by Streamable HTTP", requires: member,
                problems: [.mcpServerExists, .assistantLimit] + problems
            ) { [servers] (request: NewMCPServer, scope) in
                Created(try await servers.add(request, scope: scope))
            },
            .delete(
                "mcp/config/servers/{name}", "Remove a tool server that a member has added", requires: member, name,
                problems: [.mcpServerNotFound, .insufficientRole]
            ) { [servers] in try await servers.remove($1, scope: $0) },
            .post(
                "mcp/servers/{name}/start", "Start a tool server, and read its tools", requires: member, name,
                problems: problems
            ) { [servers] in try await servers.start($1, scope: $0) },
            .post(
                "mcp/servers/{name}/stop", "Stop a tool server", requires: member, name, problems: problems
            ) { [servers] in try await servers.stop($1, scope: $0) },
            .post(
                "mcp/servers/{name}/restart", "Stop a tool server, and start it again", requires: member, name,
                problems: problems
            ) { [servers] in try await servers.restart($1, scope: $0) },
        ]
    }
}
