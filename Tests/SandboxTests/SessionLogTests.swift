import App
import Base
import Modules
import TestKit
import Testing

/// The live log by WebSocket, and the page.
@Suite struct SessionLogTests {
    @Test(arguments: Engine.available)
    func `an API key reads the log with the scopes of topics and of Sandbox`(engine: Engine) async throws {
        try await withSandbox(engine) { fixture in
            let id = try await fixture.session()
            let topic = try #require(await fixture.get("sandbox/sessions/\(id)")["log_topic"]?.string)
            for (scopes, status) in [(["realtime.read"], 403), (["realtime.read", "sandbox"], 200)] {
                let key = await fixture.post(
                    "auth/api-keys",
                    [
                        "name": "k", "scopes": .array(scopes.map { .string($0) }),
                        "password": .string(fixture.person.password),
                    ])
                let text = try #require(key["api_key"]?.string, "\(key)")
                let response = await fixture.app.call(
                    "GET", "/v1/realtime/topics/\(topic)?after=0", headers: ["X-API-Key": text])
                #expect(response.status == status, "\(response)")
            }
        }
    }

    @Test(arguments: Engine.available)
    func `every client of a session is welcomed, gets the same lines, and pongs`(engine: Engine) async throws {
        try await withSandbox(engine) { fixture in
            let id = try await fixture.session()
            try await withServed(fixture.app) { port in
                let clients = try (0..<3).map { _ in try WebSocketClient(port: port) }
                for (client, path) in zip(clients, ["/api/v1/ws", "/v1/ws", "/ws"]) {
                    #expect(try await client.open("\(path)/sandbox/\(id)") == 101)
                    let welcome = try await client.frame().value
                    #expect(welcome["type"] == "connected" && welcome["session_id"] == .string(id))
                    #expect(welcome["message"]?.string?.isEmpty == false)
                    #expect(welcome.object?.count == 3)
                    try await client.send(Array("ping".utf8))
                    #expect(try await client.frame().value == ["type": "pong"])
                }
                #expect(await fixture.post("sandbox/sessions/\(id)/evaluate").status == 200)
                let lines = try await fixture.log(id).filter { $0["type"] == "log" }.dropFirst(2)
                #expect(lines.count > 4)
                for client in clients {
                    for line in lines {
                        let value = try await client.frame().value
                        #expect(value == line)
                        #expect(
                            Set((value.object ?? [:]).keys) == ["type", "log_type", "message", "level", "timestamp"])
                    }
                }
                // A client that is gone does not disturb the others.
                try await clients[0].close(1000)
                #expect(await fixture.delete("sandbox/sessions/\(id)").status == 200)
                let notice = try await clients[1].frame().value
                #expect(notice["log_type"] == "SYSTEM")
                let status = try await clients[1].frame().value
                #expect(status["type"] == "status" && status["data"]?["is_active"] == false)
            }
        }
    }

    @Test func `an unknown session, binary frames and too large messages close the socket`() async throws {
        try await withSandbox(.sqlite) { fixture in
            let id = try await fixture.session()
            try await withServed(fixture.app) { port in
                for name in ["unknown", String(repeating: "A", count: 32)] {
                    let client = try WebSocketClient(port: port)
                    #expect(try await client.open("/ws/sandbox/\(name)") == 101)
                    #expect(try await client.frame().code == 4004)
                }
                func close(after payload: [UInt8], opcode: UInt8) async throws -> Int? {
                    let client = try WebSocketClient(port: port)
                    #expect(try await client.open("/ws/sandbox/\(id)") == 101)
                    _ = try await client.frame()
                    // The server may have closed its side before all is sent.
                    try? await client.send(payload, opcode: opcode)
                    return try await client.frame().code
                }
                #expect(try await close(after: [1, 2, 3], opcode: 2) == 1003)
                #expect(try await close(after: Array(repeating: 0x70, count: 100_000), opcode: 1) == 1009)
            }
            #expect(await fixture.app.call("GET", "/ws/sandbox/\(id)").status == 426)
        }
    }

    @Test func `the setting makes the owner's credential necessary`() async throws {
        try await withSandbox(.sqlite, change: { $0.sandboxLogsRequireToken = true }) { fixture in
            let id = try await fixture.session()
            let other = try await fixture.app.register("other")
            try await withServed(fixture.app) { port in
                func open(_ token: String?) async throws -> (Int, WebSocketClient.Frame?) {
                    let client = try WebSocketClient(port: port)
                    let headers = token.map { ["Authorization": "Bearer \($0)"] } ?? [:]
                    let status = try await client.open("/ws/sandbox/\(id)", headers: headers)
                    return (status, status == 101 ? try await client.frame() : nil)
                }
                let (anonymous, stranger, owner) = (
                    try await open(nil), try await open(other.token), try await open(fixture.token)
                )
                #expect(anonymous.0 == 401)
                #expect(stranger.1?.code == 4004)
                #expect(owner.1?.value["type"] == "connected")
                let page = "/sandbox/\(id)"
                #expect(await fixture.app.call("GET", page).status == 401)
                #expect(await fixture.app.call("GET", page, token: fixture.token).status == 200)
                #expect(await fixture.app.call("GET", page, token: other.token).status == 404)
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a role that no longer sees a session loses its log within a second`(engine: Engine) async throws {
        try await withSandbox(engine, change: { $0.sandboxLogsRequireToken = true }) { fixture in
            let id = try await fixture.session()
            let topic = try #require(await fixture.get("sandbox/sessions/\(id)")["log_topic"]?.string)
            let admin = try await fixture.app.register("admin")
            try await fixture.join(admin)
            try await fixture.setRole("admin", of: admin)
            try await withServed(fixture.app) { port in
                func open(_ path: String, _ headers: [String: String]) async throws -> WebSocketClient {
                    let client = try WebSocketClient(port: port)
                    #expect(try await client.open(path, headers: headers) == 101)
                    return client
                }
                let headers = [
                    "Authorization": "Bearer \(admin.token)", "X-Organisation": fixture.person.organisation,
                ]
                let log = try await open("/ws/sandbox/\(id)", headers)
                #expect(try await log.frame().value["type"] == "connected")
                let reader = try await open("/v1/realtime/topics/\(topic)", headers)
                let owner = try await open(
                    "/v1/realtime/topics/\(topic)", ["Authorization": "Bearer \(fixture.token)"])
                try await fixture.setRole("member", of: admin)
                let began = ContinuousClock.now
                for client in [log, reader] { #expect(try await client.frame().code == 1008) }
                #expect(ContinuousClock.now - began < .seconds(1))
                // That of the owner lasts.
                #expect(await fixture.post("sandbox/sessions/\(id)/signals", ["signal": "NONE"]).status == 200)
                #expect(try await owner.frame().value["data"]?["log_type"]?.string == "OVERRIDE")
            }
        }
    }

    @Test(arguments: Engine.available)
    func `the page shows the state and the log without a script`(engine: Engine) async throws {
        try await withSandbox(engine) { fixture in
            let id = try await fixture.session()
            #expect(await fixture.post("sandbox/sessions/\(id)/evaluate").status == 200)
            let page = await fixture.app.call("GET", "/sandbox/\(id)")
            #expect(page.status == 200, "\(page)")
            #expect(page.headers["content-type"]?.hasPrefix("text/html") == true)
            #expect(page.headers["content-security-policy"]?.contains("default-src 'none'") == true)
            for text in ["i-0123456789abcdef0", "c5.large", "SCRAPER", "active", "http-equiv=\"refresh\""] {
                #expect(page.text.contains(text), "\(text)")
            }
            #expect(!page.text.contains("<script"))
            #expect(await fixture.app.call("GET", "/sandbox/unknown").status == 404)
            #expect(await fixture.delete("sandbox/sessions/\(id)").status == 200)
            #expect(await !fixture.app.call("GET", "/sandbox/\(id)").text.contains("http-equiv=\"refresh\""))
            // The other spelling of an endpoint is no page.
            #expect(await fixture.app.call("GET", "/sandbox/sessions", token: fixture.token)["total"] == 1)
        }
    }
}
