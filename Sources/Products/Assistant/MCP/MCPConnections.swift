import CommandSandbox
import Files
import Identity
import MCP
import Modules
import Outbound
import Secrets
import Synchronization

/// The clients of this process to servers. With several processes each one has its own: sessions and processes of
/// servers are no state of an organisation.
final class MCPConnections: Sendable {
    private struct Entry {
        let client: any MCPClient
        let organisation: ID<Organisation>
        /// Nil for a server that is reached by HTTP.
        let process: MCPStdioClient?
        var usedAt: Instant

        var isBusy: Bool { process?.isBusy ?? false }

        func isProcess(of organisation: ID<Organisation>) -> Bool {
            process != nil && self.organisation == organisation
        }
    }

    private let file: MCPServerFile
    private let urls: UserURLClient
    private let sandbox: CommandSandbox?
    private let folders: ScratchFolders
    private let sealer: Sealer
    private let runtime: Runtime
    private let entries = Mutex<[ID<MCPServer>: Entry]>([:])

    /// Clients that are kept; the ones that were not used for longest are released.
    private static let countMax = 256
    /// Of them, those that are processes: as many as the sandbox runs.
    private static let processesMax = CommandSandbox.interactiveMax
    private static let processesOfOrganisationMax = 8
    /// A session or a process that was not used for this long is ended.
    private static let idleMax = Duration.minutes(10)

    private static let limits: MCPLimits = {
        var limits = MCPLimits()
        limits.messageBytes = ToolExecution.outputBytesMax
        return limits
    }()

    init(
        file: MCPServerFile, urls: UserURLClient, sandbox: CommandSandbox?, files: FileStore, sealer: Sealer,
        runtime: Runtime
    ) {
        self.file = file
        self.urls = urls
        self.sandbox = sandbox
        // Longer than a process lives.
        folders = ScratchFolders("mcp-processes", in: files, removedAfter: .hours(2), runtime: runtime)
        self.sealer = sealer
        self.runtime = runtime
    }

    /// - Throws: `mcp-server-not-found` where the operator has removed the server; `not-configured` without a sandbox;
    ///   `overloaded` where all processes of the organisation are being called.
    func client(of server: MCPServer) async throws -> any MCPClient {
        let now = runtime.now()
        let known: (any MCPClient)? = entries.withLock { entries in
            entries[server.id]?.usedAt = now
            return entries[server.id]?.client
        }
        if let known { return known }
        let made = try makeClient(of: server)
        let added = Entry(
            client: made, organisation: server.organisation, process: made as? MCPStdioClient, usedAt: now)
        let (client, released) = try entries.withLock { entries -> (any MCPClient, [any MCPClient]) in
            // Another call may have made one.
            if let known = entries[server.id]?.client { return (known, []) }
            entries[server.id] = added
            let released = Self.release(&entries, at: now, after: server.id)
            let processes = entries.values.count { $0.isProcess(of: server.organisation) }
            guard added.process == nil || processes <= Self.processesOfOrganisationMax else {
                entries[server.id] = nil
                throw Problem.overloaded(
                    retryAfter: 5,
                    detail: "The organisation runs \(Self.processesOfOrganisationMax) processes of servers at once.")
            }
            return (made, released)
        }
        for client in released { await client.close() }
        return client
    }

    /// Whether a client is the one that the server has here: neither stopped since, nor replaced.
    func isCurrent(_ client: any MCPClient, of server: MCPServer) -> Bool {
        entries.withLock { $0[server.id]?.client === client }
    }

    /// What a person consents to: another server of the same name, another command of the operator and another
    /// definition have another digest.
    func digest(of found: MCPServerTool) throws -> String {
        var parts: [String: JSONValue] = ["server": .string(found.server.id.text), "tool": found.tool.json]
        if found.server.kind == .stdio, let entry = file.entries[found.server.name] {
            parts["command"] = .array(entry.arguments.map { .string($0) })
            parts["environment"] = .object(entry.environment.mapValues { .string($0) })
        }
        return Digest.hex(try JSONColumn.encode(parts))
    }

    /// Removes the client of a server.
    /// - Returns: what the caller closes; nil where there is none here.
    func remove(_ server: MCPServer) -> (any MCPClient)? {
        entries.withLock { $0.removeValue(forKey: server.id) }?.client
    }

    /// Ends the session or the process, if there is one here.
    func close(_ server: MCPServer) async { await remove(server)?.close() }

    /// Ends sessions and processes that are not used any more, and removes what killed processes have left.
    func closeIdle() async throws {
        let now = runtime.now()
        for client in entries.withLock({ Self.release(&$0, at: now) }) { await client.close() }
        try await folders.removeOld()
    }

    /// Removes what is idle or beyond the bounds, but no process that is being called.
    /// - Parameter added: stays.
    private static func release(
        _ entries: inout [ID<MCPServer>: Entry], at now: Instant, after added: ID<MCPServer>? = nil
    ) -> [any MCPClient] {
        var released: [any MCPClient] = []
        func remove(_ id: ID<MCPServer>) {
            if let entry = entries.removeValue(forKey: id) { released.append(entry.client) }
        }
        func remove(beyond bound: Int, _ isMeant: (Entry) -> Bool) {
            let meant = entries.filter { isMeant($0.value) }
            let idle = meant.filter { $0.key != added && !$0.value.isBusy }.sorted { $0.value.usedAt < $1.value.usedAt }
            for (id, _) in idle.prefix(max(0, meant.count - bound)) { remove(id) }
        }
        for (id, entry) in entries where now - entry.usedAt > idleMax && !entry.isBusy { remove(id) }
        remove(beyond: countMax) { _ in true }
        remove(beyond: processesMax) { $0.process != nil }
        if let organisation = added.flatMap({ entries[$0]?.organisation }) {
            remove(beyond: processesOfOrganisationMax) { $0.isProcess(of: organisation) }
        }
        return released
    }

    private func makeClient(of server: MCPServer) throws -> any MCPClient {
        if let url = server.url {
            let sealed = server.sealedHeaders
            let text = try sealed.map {
                String(decoding: try sealer.open($0, context: server.id.headersContext), as: UTF8.self)
            }
            let headers = try text.map { try JSONColumn.decode($0, as: [String: String].self) } ?? [:]
            return MCPHTTPClient(
                url: url, headers: headers.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) },
                client: urls, limits: Self.limits)
        }
        guard let entry = file.entries[server.name] else { throw Problem(.mcpServerNotFound) }
        guard let sandbox else {
            throw Problem(.notConfigured, detail: "This installation runs no processes of servers.")
        }
        return MCPStdioClient(in: sandbox, limits: Self.limits) { [folders] in
            let folder = try await folders.make()
            // What remains is removed later.
            return MCPCommand(entry.command(in: folder.path)) { try? await folders.remove(folder) }
        }
    }
}

extension ID where Subject == MCPServer {
    /// Binds the sealed header fields to their row.
    var headersContext: String { "mcp-server-headers:\(text)" }
}
