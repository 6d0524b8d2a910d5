import App
import Base
import Modules
import TestKit
import Testing

/// The official client of the Model Context Protocol at this server's endpoint.
@Suite(.enabled(if: hasMCP, "mcp is not installed: set GATEHOUSE_PYTHON to an interpreter that has it."))
struct ToolEndpointClientTests {
    @Test func `the official client lists tools and calls them`() async throws {
        try await withTestApp(.sqlite) { app in
            let person = try await app.subscriber("pro")
            let key = try await app.apiKey(of: person, ["*"])
            try await withServed(app) { port in
                let pool = BlockingPool(name: "mcp", threads: 1, capacity: 1)
                let arguments = [
                    "-c", Self.script, "http://127.0.0.1:\(port)/v1/mcp", key.text, "list_workflows",
                    #"{"limit": 1}"#, #"{"limit": 1000}"#,
                ]
                let output = try JSONValue(parsing: Array(try await pool.run { try Python.run(arguments) }))
                #expect(output["version"] == "2025-11-25", "\(output)")
                #expect(output["tools"]?.array?.contains("submit_intent") == true)
                #expect(output["called"]?["total"] == 0 && output["called_error"] == false)
                #expect(output["refused_error"] == true)
            }
        }
    }

    private static let script = """
        import asyncio, json, sys
        from mcp import ClientSession
        from mcp.client.streamable_http import streamablehttp_client

        async def main(url, key):
            async with streamablehttp_client(url, headers={"X-API-Key": key}) as (read, write, _):
                async with ClientSession(read, write) as session:
                    hello = await session.initialize()
                    tools = (await session.list_tools()).tools
                    called = await session.call_tool(sys.argv[3], json.loads(sys.argv[4]))
                    refused = await session.call_tool(sys.argv[3], json.loads(sys.argv[5]))
                    print(json.dumps({
                        "version": hello.protocolVersion, "tools": [tool.name for tool in tools],
                        "called": json.loads(called.content[0].text), "called_error": called.isError,
                        "refused_error": refused.isError,
                    }))

        asyncio.run(main(sys.argv[1], sys.argv[2]))
        """
}

private let hasMCP = (try? Python.run(["-c", "import mcp"])) != nil
