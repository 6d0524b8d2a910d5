import Base
import CommandSandbox
import Foundation
import MCP
import Synchronization
import TestKit
import Testing

/// Servers that are processes: scripts of the shell, in the sandbox.
@Suite(.enabled("commands can be run here") { await CommandSandbox.isTested() }) struct MCPStdioClientTests {
    /// Reads requests line by line; `id` is the id of the request in `$line`.
    private static let prelude = """
        id() { printf '%s' "$line" | sed -n 's/.*"id":\\([0-9]*\\).*/\\1/p'; }
        answer() { printf '{"jsonrpc":"2.0","id":%s,"result":%s}\\n' "$(id)" "$1"; }
        initialized='{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"t","version":"1"}}'
        tools='{"tools":[{"name":"run","inputSchema":{"type":"object"}}]}'
        """

    /// A server that does `call` for a call of its tool.
    private static func server(_ call: String) -> String {
        """
        \(prelude)
        echo "starting on stdout"
        while read -r line; do case "$line" in
        *'"initialize"'*) answer "$initialized" ;;
        *'"tools/list"'*) echo '{"level":"info"}'; answer "$tools" ;;
        *'"tools/call"'*) \(call) ;;
        esac; done
        """
    }

    private static let done = #"answer '{"content":[{"type":"text","text":"done"}]}'"#

    private func withClient(
        _ script: String, _ change: (inout MCPLimits) -> Void = { _ in },
        _ body: (MCPStdioClient) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "gatehouse-mcp-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            at: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        defer { try? FileManager.default.removeItem(at: folder) }
        var limits = MCPLimits()
        change(&limits)
        let starts = Mutex(0)
        let ends = Mutex(0)
        // A minute does not pass.
        let now = ContinuousClock.now
        let client = MCPStdioClient(in: CommandSandbox(), limits: limits, now: { now }) {
            starts.withLock { $0 += 1 }
            return MCPCommand(SandboxedCommand(["sh", "-c", script], folder: folder.path)) {
                ends.withLock { $0 += 1 }
            }
        }
        try await attempt {
            try await body(client)
        } finally: {
            await client.close()
        }
        #expect(!client.isRunning && !client.isBusy)
        let hasEachEnded = try await eventually { ends.withLock { $0 } == starts.withLock { $0 } }
        #expect(hasEachEnded)
    }

    private func failure(_ client: MCPStdioClient) async -> MCPError? {
        do throws(MCPError) {
            let tools = try await client.tools()
            guard let tool = tools.first else { return nil }
            _ = try await client.call(tool, arguments: [:])
            return nil
        } catch { return error }
    }

    @Test func `tools are listed and called, and logs on the standard output are skipped`() async throws {
        try await withClient(Self.server(Self.done)) { client in
            let tools = try await client.tools()
            #expect(tools.map(\.name) == ["run"] && client.isRunning)
            #expect(try await client.call(tools[0], arguments: [:]).text == "done")
            #expect(client.skippedLines == 2)
        }
    }

    @Test func `a server that ends is started again by the next request`() async throws {
        try await withClient(Self.server("echo reason >&2; exit 3")) { client in
            let error = await failure(client)
            #expect(error?.kind == .ended && error?.isUnconfirmed == true)
            #expect(error?.description.contains("status 3") == true && error?.description.contains("reason") == true)
            let tools = try await client.tools()
            #expect(tools.count == 1)
        }
    }

    /// What servers do at a call, and what becomes of it.
    private static let hostile: [(String, MCPError.Kind)] = [
        (#"printf '{"jsonrpc":"2.0","id":99,"result":{}}\n'"#, .malformed),
        (#"printf '{"jsonrpc":"2.0","id":%s,"result":{"content":["\377"]}}\n' "$(id)""#, .malformed),
        (#"printf '{"jsonrpc":"2.0","id":%s,"error":{"code":-1,"message":"no"}}\n' "$(id)""#, .refused),
        ("sleep 100", .timedOut),
        ("yes", .tooLarge),
        ("head -c 100000 /dev/zero | tr '\\0' x", .tooLarge),
        (#"while :; do printf '{"jsonrpc":"2.0","method":"x"}\n'; done"#, .tooLarge),
        // The answer of the handshake, again and again.
        (#"while :; do printf '{"jsonrpc":"2.0","id":1,"result":{}}\n'; done"#, .tooLarge),
    ]

    @Test(arguments: hostile)
    func `what is not the protocol is an error of a kind`(call: String, expected: MCPError.Kind) async throws {
        try await withClient(
            Self.server(call),
            {
                $0.callTimeout = .seconds(2)
                $0.messageBytes = 50_000
            }
        ) { client in #expect(await failure(client)?.kind == expected) }
    }

    @Test func `a server without a handshake is found by its refusal of one`() async throws {
        let script = """
            \(Self.prelude)
            while read -r line; do case "$line" in
            *'"initialize"'*) printf '{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"no"}}\\n' "$(id)" ;;
            *'"server/discover"'*) answer '{"resultType":"complete","supportedVersions":["2026-07-28"]}' ;;
            *'protocolVersion":"2026-07-28"'*) answer "$tools" ;;
            esac; done
            """
        try await withClient(script) { client in
            let tools = try await client.tools()
            #expect(tools.map(\.name) == ["run"])
        }
    }

    @Test func `a stop ends a process that is starting`() async throws {
        try await withClient("sleep 3600", { $0.setupTimeout = .seconds(3_600) }) { client in
            async let failed = failure(client)
            let isStarting = try await eventually { client.isBusy }
            #expect(isStarting)
            await client.close()
            #expect(await failed?.kind == .ended)
        }
    }

    @Test func `a server that ends at each call is started ten times a minute`() async throws {
        try await withClient(Self.server("exit 3")) { client in
            for _ in 0..<10 { #expect(await failure(client)?.kind == .ended) }
            #expect(await failure(client)?.kind == .unavailable)
        }
    }

    @Test func `a program that is not there is an error`() async throws {
        try await withClient("exec /nonexistent") { client in
            #expect(await failure(client)?.kind == .ended)
        }
    }
}
