import Audit
import Identity
import MCP
import Modules
import Outbound
import Rates
import Secrets

/// Adds, starts, stops and removes the servers of an organisation, and lists their tools.
final class MCPServerService: Sendable {
    private let database: any Database
    private let connections: MCPConnections
    private let file: MCPServerFile
    private let client: UserURLClient
    private let sealer: Sealer
    private let audit: AuditService
    private let limiter: RateLimiter
    private let runtime: Runtime

    /// Starts of one server: each may cost a process.
    private static let starts = RatePolicy("mcp-starts", Rates(.perMinute(10)))
    private static let lookUpTime = Duration.seconds(2)
    private static let headersMax = 20
    private static let headerBytesMax = 8 << 10

    init(
        database: any Database, connections: MCPConnections, file: MCPServerFile, client: UserURLClient,
        sealer: Sealer, audit: AuditService, limiter: RateLimiter, runtime: Runtime
    ) {
        self.database = database
        self.connections = connections
        self.file = file
        self.client = client
        self.sealer = sealer
        self.audit = audit
        self.limiter = limiter
        self.runtime = runtime
    }

    /// The servers with the highest priority first.
    func list(scope: Scope) async throws(Problem) -> [MCPServerView] {
        let rows = try await database.read { try $0.mcpServers(of: scope.organisation) }
        let names = Set(rows.map(\.name))
        let own = rows.filter { $0.kind == .http || file.entries[$0.name] != nil }.map { MCPServerView($0) }
        let others = file.entries.values.filter { !names.contains($0.name) }.map { MCPServerView($0) }
        return (own + others).sorted { ($1.priority, $0.name) < ($0.priority, $1.name) }
    }

    func configuration(scope: Scope) async throws(Problem) -> MCPConfigurationView {
        MCPConfigurationView(
            servers: try await list(scope: scope),
            discovery: MCPDiscoveryView(enabled: !file.isEmpty, scanInterval: 0), audit: true)
    }

    /// Adds a server, and starts it.
    /// - Throws: `validation-failed`; `mcp-server-exists`; `assistant-limit`; `not-found` where the person is no longer
    ///   a member.
    func add(_ request: NewMCPServer, scope: Scope) async throws(Problem) -> MCPServerView {
        let url = try await url(of: request)
        let id: ID<MCPServer> = runtime.id()
        let sealed = try Problem.rethrowing { try sealedHeaders(request.headers ?? [:], for: id) }
        let server = try await database.write { [self] transaction in
            try transaction.authority(of: scope, OrganisationRole.allCases)
            guard try transaction.countMCPServers(of: scope.organisation) < MCPServer.countMax else {
                throw Problem(.assistantLimit, detail: "There are at most \(MCPServer.countMax) servers.")
            }
            guard file.entries[request.name] == nil,
                try transaction.insertMCPServer(
                    id, name: request.name, kind: .http, url: url.description, sealedHeaders: sealed,
                    priority: request.priority ?? 0, approval: request.approval ?? .dangerous, by: scope.person,
                    of: scope.organisation)
            else { throw Problem(.mcpServerExists) }
            try record("mcp-server.added", id, ["server": request.name, "host": url.host], by: scope, in: transaction)
            return try transaction.mcpServer(request.name, of: scope.organisation)
        }
        guard let server else { throw Problem(.mcpServerNotFound) }
        return request.enabled == false ? MCPServerView(server) : try await start(server.name, scope: scope)
    }

    /// Removes a server that a member has added.
    /// - Throws: `mcp-server-not-found`; `insufficient-role` where it is another member's.
    func remove(_ name: String, scope: Scope) async throws(Problem) -> NoContent {
        let server = try await database.write { [self] transaction in
            guard let server = try transaction.mcpServer(name, of: scope.organisation, isLocked: true),
                server.kind == .http
            else { throw Problem(.mcpServerNotFound) }
            guard try server.person == scope.person || transaction.manages(scope) else {
                throw Problem(.insufficientRole, detail: "Another member has added the server.")
            }
            try transaction.delete(server)
            try record("mcp-server.removed", server.id, ["server": name], by: scope, in: transaction)
            return server
        }
        await connections.close(server)
        return NoContent()
    }

    /// Connects to a server, and stores its tools. What keeps it from running is its `error`. Where it is stopped
    /// meanwhile, it stays so.
    /// - Throws: `mcp-server-not-found`; `rate-limited`; `not-configured`; `overloaded`.
    func start(_ name: String, scope: Scope) async throws(Problem) -> MCPServerView {
        try await admitStart(of: name, scope: scope)
        return try await connect(try await server(name, scope: scope), scope: scope)
    }

    /// Ends the session or the process; further calls are refused until the next start. Processes on other nodes end
    /// when they are idle.
    /// - Throws: `mcp-server-not-found`.
    func stop(_ name: String, scope: Scope) async throws(Problem) -> MCPServerView {
        let server = try await server(name, scope: scope)
        let client = connections.remove(server)
        return try await Problem.catching {
            try await attempt {
                try await set(server, to: .stopped, "mcp-server.stopped", scope: scope)
            } finally: {
                await client?.close()
            }
        }
    }

    /// - Throws: as ``start(_:scope:)``.
    func restart(_ name: String, scope: Scope) async throws(Problem) -> MCPServerView {
        try await admitStart(of: name, scope: scope)
        let server = try await server(name, scope: scope)
        await connections.close(server)
        return try await connect(server, scope: scope)
    }

    /// The tools of running servers, of which each name is there once; or all of one server.
    /// - Throws: `mcp-server-not-found`.
    func tools(of name: String?, scope: Scope) async throws(Problem) -> MCPToolList {
        let isDeclared = name.map { file.entries[$0] != nil } ?? false
        return try await database.read { transaction in
            let servers: [MCPServer]
            if let name {
                let server = try transaction.mcpServer(name, of: scope.organisation)
                guard server != nil || isDeclared else { throw Problem(.mcpServerNotFound) }
                servers = server.map { [$0] } ?? []
            } else {
                servers = try transaction.mcpServers(of: scope.organisation).filter { $0.status == .running }
            }
            let tools = try servers.flatMap { server in
                try transaction.tools(of: server).map { MCPServerTool(server: server, tool: $0) }
            }
            var names: Set<String> = []
            return MCPToolList(tools: tools.filter { names.insert($0.tool.name).inserted }.map { MCPToolView($0) })
        }
    }

    // MARK: Steps

    /// - Throws: `rate-limited`.
    private func admitStart(of name: String, scope: Scope) async throws(Problem) {
        let wait = await limiter.takeOrWait(of: Self.starts, from: "\(scope.organisation) \(name)")
        guard let wait else { return }
        let seconds = max(1, wait.components.seconds)
        throw Problem(
            .rateLimited, detail: "The server was started too often.",
            members: ["retry_after": .integer(seconds)], headers: ["Retry-After": "\(seconds)"])
    }

    private func connect(_ server: MCPServer, scope: Scope) async throws(Problem) -> MCPServerView {
        let client = try await Problem.catching { try await connections.client(of: server) }
        let outcome: Result<[MCPTool], MCPError>
        do throws(MCPError) { outcome = .success(try await client.tools()) } catch { outcome = .failure(error) }
        // Checked while the row is locked: a stop removes the client before it locks the row.
        let isMeant = { @Sendable [connections] in connections.isCurrent(client, of: server) }
        switch outcome {
        case .success(let tools):
            let details = ["tools": "\(tools.count)"]
            return try await set(server, to: .running, "mcp-server.started", details, scope: scope, if: isMeant) {
                try $0.replaceTools(of: server, with: tools)
            }
        case .failure(let error):
            let details = ["reason": error.kind.rawValue]
            let view = try await set(
                server, to: .error, "mcp-server.failed", details, error: error.description, scope: scope, if: isMeant)
            if isMeant() { await connections.close(server) }
            return view
        }
    }

    /// The row of a server; that of a process is inserted where the organisation has none.
    private func server(_ name: String, scope: Scope) async throws(Problem) -> MCPServer {
        if let server = try await database.read({ try $0.mcpServer(name, of: scope.organisation) }) {
            guard server.kind == .http || file.entries[name] != nil else { throw Problem(.mcpServerNotFound) }
            return server
        }
        guard let entry = file.entries[name] else { throw Problem(.mcpServerNotFound) }
        let id: ID<MCPServer> = runtime.id()
        let server = try await database.write { transaction in
            try transaction.authority(of: scope, OrganisationRole.allCases)
            // Another request may have inserted it.
            _ = try transaction.insertMCPServer(
                id, name: name, kind: .stdio, url: nil, sealedHeaders: nil, priority: entry.priority,
                approval: entry.approval, by: scope.person, of: scope.organisation)
            return try transaction.mcpServer(name, of: scope.organisation)
        }
        guard let server else { throw Problem(.mcpServerNotFound) }
        return server
    }

    /// - Parameter isMeant: where it is not, nothing is changed.
    private func set(
        _ server: MCPServer, to status: MCPServer.Status, _ action: String, _ details: [String: String] = [:],
        error: String? = nil, scope: Scope, if isMeant: @escaping @Sendable () -> Bool = { true },
        _ also: @escaping @Sendable (Transaction) throws -> Void = { _ in }
    ) async throws(Problem) -> MCPServerView {
        let changed = try await database.write { [self] transaction -> MCPServer? in
            // It may have been removed meanwhile.
            guard let current = try transaction.mcpServer(server.name, of: scope.organisation, isLocked: true),
                current.id == server.id
            else { throw Problem(.mcpServerNotFound) }
            guard isMeant() else { return current }
            try transaction.setMCPServer(current, to: status, error: error)
            try also(transaction)
            try record(
                action, server.id, details.merging(["server": server.name]) { $1 }, isFailure: error != nil,
                by: scope, in: transaction)
            return try transaction.mcpServer(server.name, of: scope.organisation)
        }
        guard let changed else { throw Problem(.mcpServerNotFound) }
        return MCPServerView(changed)
    }

    private func record(
        _ action: String, _ server: ID<MCPServer>, _ details: [String: String], isFailure: Bool = false,
        by scope: Scope, in transaction: Transaction
    ) throws {
        try audit.record(
            AuditEvent(
                action, outcome: isFailure ? .failure : .success, by: scope, subject: server.text, details: details),
            in: transaction)
    }

    // MARK: Requests

    private func url(of request: NewMCPServer) async throws(Problem) -> UserURL {
        guard request.command == nil, request.args == nil, request.env == nil else {
            throw Problem.invalid(
                "/command", "is not accepted: servers that are processes are declared by the operator")
        }
        guard MCPServer.isName(request.name) else {
            throw Problem.invalid("/name", "must be letters, digits, hyphens and underscores")
        }
        guard let text = request.url else { throw Problem.invalid("/url", "is required") }
        let url: UserURL
        do { url = try UserURL(text) } catch { throw Problem.invalid("/url", "is not accepted: \(error)") }
        // It is checked again with every request: a name can get another address.
        do { try await client.check(url, timeout: Self.lookUpTime) } catch {
            guard case .notAllowed = error else { return url }
            throw Problem.invalid("/url", "is not accepted: \(error)")
        }
        return url
    }

    /// - Returns: nil without fields.
    /// - Throws: `validation-failed`.
    private func sealedHeaders(_ headers: [String: String], for id: ID<MCPServer>) throws -> String? {
        guard !headers.isEmpty else { return nil }
        let isValid = headers.allSatisfy { name, value in
            name.wholeMatch(of: /[A-Za-z0-9-]{1,64}/) != nil && value.utf8.allSatisfy { (0x20...0x7E).contains($0) }
        }
        let text = try JSONColumn.encode(headers)
        guard isValid, headers.count <= Self.headersMax, text.utf8.count <= Self.headerBytesMax else {
            throw Problem.invalid(
                "/headers",
                "must be at most \(Self.headersMax) fields of visible ASCII, \(Self.headerBytesMax) bytes together")
        }
        return try sealer.seal(Array(text.utf8), context: id.headersContext)
    }
}
