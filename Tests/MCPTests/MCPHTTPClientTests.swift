import Base
import MCP
import Outbound
import TestKit
import Testing

/// Servers that are reached by HTTP.
@Suite struct MCPHTTPClientTests {
    private func client(_ url: String, _ change: (inout MCPLimits) -> Void = { _ in }) throws -> MCPHTTPClient {
        var limits = MCPLimits()
        change(&limits)
        return MCPHTTPClient(
            url: try UserURL(url), headers: [(name: "Authorization", value: "Bearer secret")],
            client: UserURLClient(policy: try AddressPolicy(privateNetworks: ["127.0.0.1"])), limits: limits)
    }

    @Test(arguments: TestToolServer.Era.allCases)
    func `tools of all pages are listed and called`(era: TestToolServer.Era) async throws {
        try await TestToolServer.with(era) { server in
            let client = try client(server.url)
            let tools = try await client.tools()
            #expect(tools.map(\.name) == ["echo", "remove"])
            #expect(tools.map(\.isReadOnly) == [true, false])
            let result = try await client.call(tools[0], arguments: ["text": " grüße "])
            #expect(result.text == " grüße " && !result.isError)

            let call = try #require(server.messages.last)
            #expect(call.headers["authorization"] == "Bearer secret")
            #expect(call.headers["accept"] == "application/json, text/event-stream")
            switch era {
            case .handshake:
                #expect(call.headers["mcp-protocol-version"] == "2025-11-25")
                #expect(call.headers["mcp-session-id"] == "session-1")
                #expect(call.json["params"]?["_meta"] == nil)
                #expect(server.messages.contains { $0.json["method"] == "notifications/initialized" })
            case .withoutHandshake:
                #expect(call.headers["mcp-method"] == "tools/call" && call.headers["mcp-name"] == "echo")
                // What is no plain text is base64.
                #expect(call.headers["mcp-param-text"] == "=?base64?IGdyw7zDn2Ug?=")
                #expect(!server.messages.contains { $0.json["method"] == "initialize" })
            }
        }
    }

    @Test func `a session that the server has ended is begun anew, and ended with the client`() async throws {
        try await TestToolServer.with(.handshake) { server in
            let client = try client(server.url)
            let tools = try await client.tools()
            server.endSessions()
            #expect(try await client.call(tools[0], arguments: ["text": "again"]).text == "again")
            #expect(server.messages.last?.headers["mcp-session-id"] == "session-2")
            #expect(server.calls.count == 2)
            await client.close()
            let last = try #require(server.messages.last)
            #expect(last.body.isEmpty && last.headers["mcp-session-id"] == "session-2")
        }
    }

    @Test func `an error of a tool is a result, and an error of the server is none`() async throws {
        try await TestToolServer.with { server in
            let client = try client(server.url)
            let tool = try #require(try await client.tools().first)
            server.answer(["content": [["type": "text", "text": "no"]], "isError": true])
            let result = try await client.call(tool, arguments: [:])
            #expect(result.isError && result.text == "no")
            server.answer(["resultType": "input_required"])
            #expect(await kind { try await client.call(tool, arguments: [:]) } == .malformed)
            server.answer(["structuredContent": ["a": 1]])
            #expect(try await client.call(tool, arguments: [:]).text == #"{"a":1}"#)
        }
    }

    /// What servers send in place of an answer to every request, and what becomes of it.
    private static let hostile: [(String, MCPError.Kind)] = [
        (response("<html>hello</html>", type: "text/html"), .malformed),
        (response(#"{"jsonrpc":"2.0","id":999,"result":{}}"#), .malformed),
        (response(#"{"jsonrpc":"2.0","id":"1","result":{}}"#), .malformed),
        (response("[]"), .malformed),
        (response("{"), .malformed),
        (response(""), .malformed),
        (response("data: {\"jsonrpc\":\"2.0\",\"method\":\"x\"}\n\n", type: "text/event-stream"), .malformed),
        (response("data: nonsense\n\n", type: "text/event-stream"), .malformed),
        (response(String(repeating: " ", count: 20_000)), .tooLarge),
        (response(String(repeating: "x", count: 20_000), type: "text/event-stream"), .tooLarge),
        ("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", .unauthorized),
        ("HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n", .refused),
        ("HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\nno", .refused),
        ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\nContent-Type: application/json\r\n\r\n{", .timedOut),
        ("nonsense\r\n\r\n", .ended),
    ]

    private static func response(_ body: String, type: String = "application/json") -> String {
        "HTTP/1.1 200 OK\r\nContent-Type: \(type)\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    @Test(arguments: hostile)
    func `what is not the protocol is an error of a kind`(bytes: String, expected: MCPError.Kind) async throws {
        try await ScriptedServer.with(.bytes(bytes)) { server in
            let client = try client(server.url) {
                $0.messageBytes = 10_000
                $0.setupTimeout = .seconds(2)
            }
            #expect(await kind { try await client.tools() } == expected)
        }
    }

    @Test func `a stream that never ends is read up to its answer`() async throws {
        let answer = #"data: {"jsonrpc":"2.0","id":1,"result":{"supportedVersions":["2026-07-28"]}}"# + "\n\n"
        let listed = #"data: {"jsonrpc":"2.0","id":2,"result":{"tools":[]}}"# + "\n\n"
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
        try await ScriptedServer.with(.bytes(head + answer), .bytes(head + listed)) { server in
            let tools = try await client(server.url).tools()
            #expect(tools == [])
        }
    }

    @Test func `a server that is not there, or not allowed, has got nothing`() async throws {
        let error = await failure { try await self.client("http://127.0.0.1:1024/").tools() }
        #expect(error?.kind == .unreachable && error?.isUnconfirmed == false)
        let refused = await failure { try await self.client("http://127.0.0.2:8080/").tools() }
        #expect(refused?.kind == .notAllowed && refused?.isUnconfirmed == false)
    }

    private func kind<Result>(_ body: () async throws -> Result) async -> MCPError.Kind? {
        await failure(body)?.kind
    }

    private func failure<Result>(_ body: () async throws -> Result) async -> MCPError? {
        do {
            _ = try await body()
            return nil
        } catch { return error as? MCPError }
    }
}
