import App
import Base
import Modules
import TestKit
import Testing

/// The topic of a session, and the WebSocket of those who follow it.
@Suite struct AssistantSocketTests {
    @Test(arguments: Engine.available)
    func `the topic of a session has its turns, for its person alone`(engine: Engine) async throws {
        try await withAssistant(engine) { assistant in
            let session = try await assistant.session()
            let path = "/v1/realtime/topics/assistant.\(session)?after=0"
            let long = String(repeating: "ä", count: 3_000)
            #expect(await assistant.chat(long, ["session_id": .string(session)]).status == 200)
            let messages = await assistant.get(path)["messages"]?.array ?? []
            #expect(
                messages.map { $0["type"]?.string } == [
                    "session_update", "message", "message", "token_update", "session_update",
                ], "\(messages)")
            let data = messages.map { $0["data"] }
            #expect(data[0]?["status"] == "streaming" && data[4]?["status"] == "active")
            #expect(data[1]?["role"] == "user" && data[1]?["has_more"] == true)
            #expect(data[1]?["content"]?.string?.count == 2_000)
            #expect(data[3]?["usage"]?["output_tokens"]?.integer ?? 0 > 0 && data[3]?["turn_id"] == data[0]?["turn_id"])
            let other = try await assistant.app.register("other")
            #expect(await assistant.get(path, as: other).status == 404)

            _ = await assistant.post("/v1/sessions/\(session)/archive")
            #expect(await assistant.get(path)["messages"]?[5]?["data"]?["status"] == "archived")
            #expect(await assistant.delete("/v1/sessions/\(session)").status == 204)
            #expect(await assistant.get(path).status == 404)
        }
    }

    @Test(arguments: Engine.available)
    func `a WebSocket has frames, and a later one begins behind the token of the last`(engine: Engine) async throws {
        try await withAssistant(engine) { assistant in
            let (session, second) = (try await assistant.session(), try await assistant.session())
            let headers = ["Authorization": "Bearer \(assistant.person.token)"]
            try await withServed(assistant.app) { port in
                func send(_ frame: JSONValue, to client: WebSocketClient) async throws {
                    var bytes: [UInt8] = []
                    bytes.append(json: frame)
                    try await client.send(bytes)
                }
                let client = try WebSocketClient(port: port)
                let status = try await client.open("/ws?client_id=phone&session_id=\(session)", headers: headers)
                #expect(status == 101, "\(assistant.app.log.lines.suffix(3))")
                let connected = try await client.frame().value
                #expect(connected["type"] == "control" && connected["id"]?.string != nil)
                #expect(connected["timestamp"]?.string != nil && connected["metadata"] == [:])
                let payload = connected["payload"]
                #expect(payload?["action"] == "connected" && payload?["client_id"] == "phone")
                #expect(payload?["heartbeat_interval"] == 30 && payload?["reconnect_window"] == 300)

                #expect(await assistant.chat("Hi", ["session_id": .string(session)]).status == 200)
                var frames: [JSONValue] = []
                for _ in 0..<5 { frames.append(try await client.frame().value) }
                #expect(
                    frames.map { $0["type"]?.string } == [
                        "session_update", "message", "message", "token_update", "session_update",
                    ])
                #expect(frames[1]["payload"]?["content"] == "Hi" && frames[1]["metadata"]?["seq"] == 2)

                for (frame, type, action) in [
                    (["type": "control", "payload": ["action": "ping"]], "control", "pong"),
                    (["type": "heartbeat"], "heartbeat_ack", nil), (["type": "other"], "error", nil),
                    (
                        ["type": "control", "payload": ["action": "subscribe", "session_id": .string(second)]],
                        "control", "subscribed"
                    ),
                    (
                        ["type": "control", "payload": ["action": "unsubscribe", "session_id": .string(session)]],
                        "control", "unsubscribed"
                    ),
                ] as [(JSONValue, String, String?)] {
                    try await send(frame, to: client)
                    let answer = try await client.frame().value
                    #expect(answer["type"] == .string(type) && answer["payload"]?["action"]?.string == action)
                }
                #expect(await assistant.chat("Hi", ["session_id": .string(second)]).status == 200)
                #expect(try await client.frame().value["metadata"]?["session_id"] == .string(second))

                // Behind the question.
                let token = try #require(frames[1]["metadata"]?["reconnect_token"]?.string)
                let later = try WebSocketClient(port: port)
                #expect(try await later.open("/ws?reconnect_token=\(token)", headers: headers) == 101)
                _ = try await later.frame()
                #expect(try await later.frame().value["payload"] == frames[2]["payload"])

                let other = try await assistant.app.register("other")
                for (query, status) in [("session_id=\(session)", 404), ("reconnect_token=\(token)", 404)] {
                    let refused = try WebSocketClient(port: port)
                    let headers = ["Authorization": "Bearer \(other.token)"]
                    #expect(try await refused.open("/ws?\(query)", headers: headers) == status)
                }
                for query in ["reconnect_token=x", "reconnect_token=\(session).99", "session_id=x"] {
                    let refused = try WebSocketClient(port: port)
                    #expect(try await refused.open("/ws?\(query)", headers: headers) == 422)
                }
            }
            #expect(await assistant.get("/ws").status == 426)
        }
    }

    @Test(arguments: Engine.available)
    func `a WebSocket that follows no session is closed within a second of a logout`(engine: Engine) async throws {
        try await withAssistant(engine) { assistant in
            let session = try await assistant.session()
            try await withServed(assistant.app) { port in
                let headers = ["Authorization": "Bearer \(assistant.person.token)"]
                let (idle, left) = (try WebSocketClient(port: port), try WebSocketClient(port: port))
                #expect(try await idle.open("/ws", headers: headers) == 101)
                #expect(try await left.open("/ws?session_id=\(session)", headers: headers) == 101)
                for client in [idle, left] {
                    #expect(try await client.frame().value["payload"]?["action"] == "connected")
                }
                var frame: [UInt8] = []
                frame.append(
                    json: [
                        "type": "control", "payload": ["action": "unsubscribe", "session_id": .string(session)],
                    ])
                try await left.send(frame)
                #expect(try await left.frame().value["payload"]?["action"] == "unsubscribed")
                #expect(await assistant.post("/v1/auth/logout").status < 300)
                let began = ContinuousClock.now
                for client in [idle, left] { #expect(try await client.frame().code == 1008) }
                #expect(ContinuousClock.now - began < .seconds(1))
            }
        }
    }
}
