import Base
import Foundation
import MCP
import Outbound
import TestKit
import Testing

/// The official package as a server.
@Suite(
    .enabled(if: MCPPackage.isInstalled, "mcp is not installed: set GATEHOUSE_PYTHON to an interpreter that has it."))
struct MCPPackageTests {
    @Test func `tools of the official server are listed and called`() async throws {
        let server = try MCPPackage.Server()
        defer { server.stop() }
        let client = MCPHTTPClient(
            url: try UserURL("http://127.0.0.1:\(server.port)/mcp"),
            client: UserURLClient(policy: try AddressPolicy(privateNetworks: ["127.0.0.1"])))
        let tools = try await client.tools()
        #expect(tools.map(\.name) == ["add", "fail"] && tools.map(\.isReadOnly) == [true, false])
        let sum = try await client.call(tools[0], arguments: ["a": 1, "b": 2])
        #expect(sum.text == "3" && sum.structuredContent == ["result": 3] && !sum.isError)
        let refused = try await client.call(tools[0], arguments: ["a": "x"])
        #expect(refused.isError)
        #expect(try await client.call(tools[1], arguments: [:]).isError)
        await client.close()
    }
}

private enum MCPPackage {
    static let isInstalled = (try? Python.run(["-c", "import mcp"])) != nil

    /// A process of its own.
    final class Server {
        let port: Int
        private let process = Process()
        private let input = Pipe()

        init() throws {
            process.executableURL = URL(filePath: "/usr/bin/env")
            process.arguments = [Python.command, "-c", MCPPackage.script]
            let output = Pipe()
            process.standardInput = input
            process.standardOutput = output
            process.standardError = FileHandle.nullDevice
            try process.run()
            guard let line = String(data: output.fileHandleForReading.availableData, encoding: .utf8),
                let port = Int(line.filter(\.isNumber))
            else { throw CocoaError(.executableLoad) }
            self.port = port
        }

        func stop() {
            try? input.fileHandleForWriting.close()
            process.waitUntilExit()
        }
    }

    private static let script = """
        import asyncio, os, socket, sys, threading
        import uvicorn
        from mcp.server.fastmcp import FastMCP

        server = FastMCP("test")

        @server.tool(annotations={"readOnlyHint": True})
        def add(a: int, b: int) -> int:
            return a + b

        @server.tool()
        def fail() -> str:
            raise ValueError("no")

        listener = socket.create_server(("127.0.0.1", 0))
        print(listener.getsockname()[1], flush=True)
        # The process ends with the one that holds its standard input.
        threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
        config = uvicorn.Config(server.streamable_http_app(), log_level="error")
        asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))
        """
}
