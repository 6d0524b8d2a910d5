import CommandSandbox
import Files
import Foundation
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
        let isProcess: Bool
        var usedAt: Instant
    }

    private let file: MCPServerFile
    private let urls: UserURLClient
    private let sandbox: CommandSandbox?
    private let files: FileStore
    private let sealer: Sealer
    private let runtime: Runtime
    private let entries = Mutex<[ID<MCPServer>: Entry]>([:])

    /// Clients that are kept; the ones that were not used for longest are released.
    private static let countMax = 256
    /// A process that was not called for this long is ended.
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
        self.files = files
        self.sealer = sealer
        self.runtime = runtime
    }

    /// - Throws: `mcp-server-not-found` where the operator has removed the server; `not-configured` without a sandbox.
    func client(of server: MCPServer) async throws -> any MCPClient {
        let now = runtime.now()
        let known: (any MCPClient)? = entries.withLock { entries in
            entries[server.id]?.usedAt = now
            return entries[server.id]?.client
        }
        if let known { return known }
        let made = try await makeClient(of: server)
        let (client, released) = entries.withLock { entries in
            let client = entries[server.id]?.client ?? made
            entries[server.id] = Entry(client: client, isProcess: server.kind == .stdio, usedAt: now)
            return (client, Self.release(&entries, at: now))
        }
        for client in released { await client.close() }
        return client
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

    /// Ends the session or the process, if there is one here.
    func close(_ server: MCPServer) async {
        await entries.withLock { $0.removeValue(forKey: server.id) }?.client.close()
        // Another process may be using the folder of its own server.
        if server.kind == .stdio { try? await files.remove(Self.folder(of: server)) }
    }

    /// Ends processes that are not called any more.
    func closeIdle() async {
        let now = runtime.now()
        for client in entries.withLock({ Self.release(&$0, at: now) }) { await client.close() }
    }

    /// Removes what is idle or beyond the bound.
    private static func release(_ entries: inout [ID<MCPServer>: Entry], at now: Instant) -> [any MCPClient] {
        var released = entries.filter { $0.value.isProcess && now - $0.value.usedAt > idleMax }
        for id in released.keys { entries[id] = nil }
        while entries.count > countMax, let oldest = entries.min(by: { $0.value.usedAt < $1.value.usedAt }) {
            entries[oldest.key] = nil
            released[oldest.key] = oldest.value
        }
        return released.values.map(\.client)
    }

    private func makeClient(of server: MCPServer) async throws -> any MCPClient {
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
        let folder = try await files.folder(Self.folder(of: server))
        return MCPStdioClient(
            entry.command(in: URL(filePath: folder).absoluteURL.path), in: sandbox, limits: Self.limits)
    }

    private static func folder(of server: MCPServer) -> FileStore.Key {
        FileStore.Key("mcp-servers", server.id.text).asScratch
    }
}

extension ID where Subject == MCPServer {
    /// Binds the sealed header fields to their row.
    var headersContext: String { "mcp-server-headers:\(text)" }
}
