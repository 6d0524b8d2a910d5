import Base
import Identity
import Modules
import TestKit
import Testing

/// The web client's Socket.IO names, by python-socketio.
@Suite(
    .enabled(
        if: SocketIOScript.isInstalled,
        "python-socketio is not installed: set GATEHOUSE_PYTHON to an interpreter that has it."))
struct SocketIOTests {
    @Test(arguments: Engine.available, SocketIOScript.Transport.allCases)
    func `a client follows a run of a session in its order`(
        engine: Engine, transport: SocketIOScript.Transport
    ) async throws {
        try await withTrainingFixture(engine) { fixture in
            try await fixture.prepareDatasets()
            try await withServed(fixture.app) { port in
                let running = Task {
                    while !Task.isCancelled {
                        try? await fixture.app.runJobs()
                        try? await Task.sleep(for: .milliseconds(5))
                    }
                }
                defer { running.cancel() }
                let result = try await SocketIOScript(port: port, transport: transport)
                    .run(.follow, token: fixture.person.token)
                running.cancel()
                await running.value

                #expect(result["errors"] == [])
                #expect(result["transport"]?.string == (transport == .polling ? "polling" : "websocket"))
                let events = (result["events"]?.array ?? []).map { $0.array ?? [] }
                let messages = try await fixture.messages()
                let training = messages.filter { $0.first?.string?.hasPrefix("training_") == true }
                #expect(training.count > 5)
                #expect(events.first == ["training_session_joined", ["session_id": "s"]])
                #expect(Array(events.dropFirst().prefix(training.count)) == training)
                // The states that were asked for.
                let datasets = messages.last { $0.first?.string == "dataset_status_update" }
                #expect(Array(events.dropFirst(1 + training.count)) == [training.last, datasets].compactMap(\.self))
            }
        }
    }

    @Test(arguments: SocketIOScript.Transport.allCases)
    func `a client without a valid token is refused`(transport: SocketIOScript.Transport) async throws {
        try await withTrainingFixture(.sqlite) { fixture in
            try await withServed(fixture.app) { port in
                let script = SocketIOScript(port: port, transport: transport)
                for (token, code) in [(nil, "missing-authorization"), ("x.y.z", "authentication-failed")] {
                    let result = try await script.run(.connect, token: token)
                    let codes = result["errors"]?.array?.map { $0["data"]?["code"]?.string }
                    #expect(codes == [code])
                    #expect(result["transport"] == .null)
                }
                let admitted = try await script.run(.connect, token: fixture.person.token)
                #expect(admitted["errors"] == [])
                #expect(admitted["transport"]?.string != nil)
            }
        }
    }

    @Test(arguments: SocketIOScript.Transport.allCases)
    func `a session of another organisation does not exist`(transport: SocketIOScript.Transport) async throws {
        try await withTrainingFixture(.sqlite) { fixture in
            try await fixture.prepare()
            let other = try await fixture.app.register("other")
            try await withServed(fixture.app) { port in
                let result = try await SocketIOScript(port: port, transport: transport)
                    .run(.trespass, token: other.token)
                let events = result["events"]?.array ?? []
                let names = events.map { $0.array?.first?.string }
                #expect(names == ["training_session_error", "training_session_error"])
                #expect(events.first?.array?.last?["session_id"]?.string == "s")
            }
        }
    }

    @Test(arguments: Engine.available, SocketIOScript.Transport.allCases)
    func `a logout ends the connection within a second, and the token is refused`(
        engine: Engine, transport: SocketIOScript.Transport
    ) async throws {
        try await withTrainingFixture(engine) { fixture in
            try await fixture.prepare()
            try await withServed(fixture.app) { port in
                let result = try await SocketIOScript(port: port, transport: transport)
                    .run(.revoke, token: fixture.person.token)
                let seconds = try #require(result["seconds"]?.number)
                #expect(seconds < 1)
                let codes = result["errors"]?.array?.map { $0["data"]?["code"]?.string }
                #expect(codes == ["token-expired"])
            }
        }
    }

    @Test func `a session without runs says so`() async throws {
        try await withTrainingFixture(.sqlite) { fixture in
            try await fixture.prepare(series: nil)
            func call(_ method: String, _ query: String = "", _ body: String? = nil) async -> String {
                await fixture.app.call(
                    method, "/socket.io/?EIO=4&transport=polling\(query)",
                    body: body.map { ("text/plain", Array($0.utf8)) }
                ).text
            }
            let opening = try JSONValue(parsing: Array(await call("GET").utf8.dropFirst()))
            let id = "&sid=\(try #require(opening["sid"]?.string))"
            #expect(await call("POST", id, #"40{"token":"\#(fixture.person.token)"}"#) == "ok")
            _ = await call("GET", id)
            for (request, event) in [
                ("request_dataset_status", "dataset_status_update"), ("request_training_status", "training_progress"),
            ] {
                #expect(await call("POST", id, #"42["\#(request)",{"session_id":"s"}]"#) == "ok")
                let answer = await call("GET", id)
                #expect(answer.hasPrefix(#"42["\#(event)",{"#))
                #expect(answer.contains(#""status":"not_found""#))
            }
            #expect(await call("POST", id, #"42["join_training_session",7]"#) == "ok")
            #expect(await call("GET", id).hasPrefix(#"42["training_session_error",{"#))
        }
    }
}

extension TrainingFixture {
    /// The messages of the session `s`, each as an event of Socket.IO has it.
    fileprivate func messages() async throws -> [[JSONValue]] {
        let identity = await get("get-session-uuid/s")
        let topic = try #require(identity["sessionUuid"]?.string, "\(identity)")
        let page = await app.call("GET", "/v1/realtime/topics/training.\(topic)?after=0", token: person.token)
        let messages = try #require(page["messages"]?.array, "\(page)")
        return messages.map { [$0["type"] ?? .null, $0["data"] ?? .null] }
    }
}
