import App
import Base
import Modules
import TestKit
import Testing

/// The order in which answers and calls of tools lock rows. With one order for all of them, PostgreSQL has no deadlocks
/// to resolve.
@Suite struct ToolLockOrderTests {
    /// The tables whose rows are locked, in their order.
    private static let order = ["people", "organisations", "assistant_sessions", "assistant_tool_executions"]

    /// SQLite has one writer and no row locks.
    private static var engines: [Engine] { Engine.available.filter { $0 == .postgres } }

    private func with(
        _ engine: Engine, _ recorder: LockRecorder = LockRecorder(),
        _ body: @Sendable (AssistantFixture, String) async throws -> Void
    ) async throws {
        try await TestToolServer.with { server in
            try await withAssistant(
                engine, databaseWrapper: recorder.wrap, change: { $0.outboundPrivateNetworks = ["127.0.0.1"] }
            ) { assistant in
                let added = await assistant.post(
                    "/v1/mcp/config/servers", ["name": "files", "url": .string(server.url)])
                #expect(added["status"] == "running", "\(added)")
                try await body(assistant, try await assistant.session())
            }
        }
    }

    private static func call(_ tool: String, _ session: String) -> JSONValue {
        ["tool": .string(tool), "arguments": ["text": "a"], "session_id": .string(session)]
    }

    @Test(arguments: engines)
    func `calls of tools lock the person and the organisation before the session`(engine: Engine) async throws {
        let recorder = LockRecorder()
        try await with(engine, recorder) { assistant, session in
            #expect(await assistant.chat("Hi", ["session_id": .string(session)]).status == 200)
            #expect(await assistant.post("/v1/mcp/tools/call", Self.call("echo", session)).status == 200)
            for approves in [true, false] {
                let asked = await assistant.post("/v1/mcp/tools/call", Self.call("remove", session))
                let id = try #require(asked["execution_id"]?.string, "\(asked)")
                let path = "/v1/mcp/executions/\(id)/approval"
                #expect(await assistant.post(path, ["approve": .bool(approves)]).status == 200)
            }
            let reported = await assistant.post("/v1/sessions/\(session)/tools", ["tool_name": "bash"])
            #expect(reported.status == 201, "\(reported)")
            assistant.app.clock.advance(by: .minutes(11))
            try await assistant.app.runJobs()
        }
        let transactions = recorder.transactions.map {
            LockRecorder.tables(lockedBy: $0).filter(Self.order.contains)
        }
        let own = transactions.filter { !Set($0).isDisjoint(with: Self.order.suffix(2)) }
        #expect(Set(own.joined()).isSuperset(of: Self.order), "\(own)")
        for locks in own {
            let places = locks.compactMap { Self.order.firstIndex(of: $0) }
            #expect(places == places.sorted(), "\(locks)")
        }
    }

    @Test(arguments: engines)
    func `answers and calls of tools of one session need no retry`(engine: Engine) async throws {
        try await with(engine) { assistant, session in
            let database = assistant.app.app.database
            let before = database.gauges["postgres_retries_total"]
            await withTaskGroup(of: TestResponse.self) { group in
                for _ in 0..<8 {
                    group.addTask { await assistant.chat("Hi", ["session_id": .string(session)]) }
                    group.addTask { await assistant.post("/v1/mcp/tools/call", Self.call("echo", session)) }
                }
                for await response in group {
                    // One answer of a session at a time.
                    #expect(response.status == 200 || response.code == "turn-in-progress", "\(response)")
                }
            }
            #expect(before != nil && database.gauges["postgres_retries_total"] == before)
        }
    }
}
