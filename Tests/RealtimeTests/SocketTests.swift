import App
import Base
import Client
import Identity
import Modules
import Realtime
import ServiceLifecycle
import TestKit
import Testing

/// Topics over connections.
@Suite struct SocketTests {
    private static let origin = "https://app.example.org"

    @Test(arguments: Engine.available)
    func `a WebSocket has a message in each frame, and resumes`(engine: Engine) async throws {
        try await withServedRealtime(engine) { fixture, port, _ in
            try await fixture.append("one", "two")
            let client = try WebSocketClient(port: port)
            #expect(try await client.open("/v1/realtime/topics/notes.a?after=1", headers: fixture.bearer) == 101)
            #expect(try await client.frame().value["data"]?["text"]?.string == "two")
            try await fixture.append("three")
            let frame = try await client.frame()
            #expect(frame.opcode == 1)
            #expect(frame.value["seq"]?.integer == 3)
            try await client.close(1000)
            #expect(try await client.frame().code == 1000)
        }
    }

    @Test func `a handshake passes the gate like any request`() async throws {
        try await withServedRealtime(.sqlite) { fixture, port, _ in
            func status(_ path: String, _ headers: [String: String]) async throws -> Int {
                try await WebSocketClient(port: port).open("/v1/realtime/topics/\(path)", headers: headers)
            }
            #expect(try await status("notes.a", [:]) == 401)
            #expect(try await status("notes.secret", fixture.bearer) == 404)
            #expect(try await status("notes.a?after=1", fixture.bearer) == 422)
            let foreign = fixture.bearer.merging(["Origin": "https://evil.example.com"]) { $1 }
            #expect(try await status("notes.a", foreign) == 403)
            #expect(try await status("notes.a", fixture.bearer.merging(["Origin": Self.origin]) { $1 }) == 101)

            // A cookie is sent by any page: it needs an allowed origin.
            let signedIn = await fixture.test.call(
                "POST", "/v1/auth/browser-session",
                json: ["email": .string(fixture.person.email), "password": .string(fixture.person.password)],
                headers: ["Origin": Self.origin])
            let cookie = try #require(signedIn.headers["set-cookie"]?.prefix { $0 != ";" }).description
            #expect(try await status("notes.a", ["Cookie": cookie]) == 403)
            #expect(try await status("notes.a", ["Cookie": cookie, "Origin": "https://evil.example.com"]) == 403)
            #expect(try await status("notes.a", ["Cookie": cookie, "Origin": Self.origin]) == 101)

            let ticket = await fixture.test.call(
                "POST", "/v1/realtime/tickets", json: ["topic": "notes.a"], token: fixture.person.token)
            let text = try #require(ticket["ticket"]?.string)
            #expect(try await status("notes.a?ticket=\(text)", ["Origin": Self.origin]) == 101)
            #expect(try await status("notes.a?ticket=\(text)", ["Origin": Self.origin]) == 401)
        }
    }

    @Test(arguments: Engine.available)
    func `a logout closes the WebSockets of the session within a second`(engine: Engine) async throws {
        try await withServedRealtime(engine) { fixture, port, _ in
            let client = try WebSocketClient(port: port)
            #expect(try await client.open("/v1/realtime/topics/notes.a", headers: fixture.bearer) == 101)
            #expect(
                await fixture.test.call("POST", "/v1/auth/logout", token: fixture.person.token).status < 300)
            let began = ContinuousClock.now
            let frame = try await client.frame()
            #expect(frame.code == 1008)
            #expect(ContinuousClock.now - began < .seconds(1))
        }
    }

    @Test(arguments: Engine.available)
    func `a suspension ends every view within a second`(engine: Engine) async throws {
        try await withServedRealtime(engine) { fixture, port, _ in
            let topic = "/v1/realtime/topics/notes.a"
            let socket = try WebSocketClient(port: port)
            #expect(try await socket.open(topic, headers: fixture.bearer) == 101)
            let events = try WebSocketClient(port: port)
            #expect(try await events.open("/socket.io/?EIO=4&transport=websocket") == 101)
            #expect(try await events.frame().text.hasPrefix("0{"))
            try await events.send(Array(#"40{"token":"\#(fixture.person.token)"}"#.utf8))
            #expect(try await events.frame().text.hasPrefix("40{"))
            let client = Client(baseURL: "http://127.0.0.1:\(port)").signedIn(with: fixture.person.token)
            let (lines, onLine) = AsyncStream.makeStream(of: String.self)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for accept in ["text/event-stream", "application/x-ndjson"] {
                    group.addTask {
                        _ = try await client.lines("\(topic)?after=0", headers: ["Accept": accept]) { line in
                            if line.contains("before") { onLine.yield(accept) }
                            return true
                        }
                    }
                }
                try await fixture.append("before")
                var iterator = lines.makeAsyncIterator()
                for _ in 0..<2 { _ = await iterator.next() }
                group.addTask {
                    let response = try await client.request(.get, "\(topic)?after=1&wait=30")
                    #expect(response.status == 401, "\(response)")
                }
                #expect(try await socket.frame().value["seq"] == 1)
                try await fixture.test.app.identity.accounts.suspend(fixture.person.id)
                let began = ContinuousClock.now
                #expect(try await socket.frame().code == 1008)
                #expect(try await events.frame().text == "41")
                try await group.waitForAll()
                #expect(ContinuousClock.now - began < .seconds(1))
            }
            await client.shutDown()
        }
    }

    @Test func `a server that stops closes WebSockets with 1001 and ends streams`() async throws {
        try await withServedRealtime(.sqlite) { fixture, port, stop in
            let client = try WebSocketClient(port: port)
            #expect(try await client.open("/v1/realtime/topics/notes.a", headers: fixture.bearer) == 101)
            let reader = Client(baseURL: "http://127.0.0.1:\(port)").signedIn(with: fixture.person.token)
            let (lines, onLine) = AsyncStream.makeStream(of: String.self)
            async let end = reader.lines(
                "/v1/realtime/topics/notes.a?after=0", headers: ["Accept": "application/x-ndjson"]
            ) { line in
                onLine.yield(line)
                return true
            }
            try await fixture.append("one")
            #expect(try await client.frame().value["seq"]?.integer == 1)
            var iterator = lines.makeAsyncIterator()
            #expect(await iterator.next()?.contains("one") == true)
            await stop()
            #expect(try await client.frame().code == 1001)
            try await client.close(1001)
            #expect(try await end == nil)
            await reader.shutDown()
        }
    }

    @Test(arguments: Engine.available)
    func `a client that does not read for a while gets every message once, in order`(engine: Engine) async throws {
        try await withServedRealtime(engine) { fixture, port, _ in
            let client = try WebSocketClient(port: port)
            #expect(try await client.open("/v1/realtime/topics/notes.a", headers: fixture.bearer) == 101)
            // Far more than the buffers of the kernel and the memory of the topic hold.
            let (batches, size) = (40, 20)
            let text = String(repeating: "x", count: 40_000)
            for _ in 0..<batches { try await fixture.append(Array(repeating: text, count: size)) }
            var (next, lags): (Int64, Int) = (1, 0)
            while next <= Int64(batches * size) {
                let value = try await client.frame().value
                guard value["type"]?.string == "note" else {
                    #expect(value["type"] == "lag" && value["next"]?.integer == next, "\(value)")
                    lags += 1
                    continue
                }
                #expect(value["seq"]?.integer == next)
                next = (value["seq"]?.integer ?? next) + 1
            }
            #expect(lags > 0)
            // It is live again.
            try await fixture.append("last")
            #expect(try await client.frame().value["data"]?["text"] == "last")
        }
    }

    @Test(.timeLimit(.minutes(2)), arguments: Engine.available)
    func `clients that are gone leave no subscriptions`(engine: Engine) async throws {
        try await withServedRealtime(engine) { fixture, port, _ in
            // A caller has at most 200.
            for _ in 0..<2 {
                var clients: [WebSocketClient] = []
                for _ in 0..<200 {
                    var client = try WebSocketClient(port: port)
                    // Those of the round before may not have ended yet.
                    while try await client.open("/v1/realtime/topics/notes.a", headers: fixture.bearer) == 429 {
                        client = try WebSocketClient(port: port)
                    }
                    clients.append(client)
                }
                #expect(await fixture.get("notes.a").status == 429)
            }
        }
    }

    @Test(arguments: Engine.available)
    func `two hundred readers get every message of a burst`(engine: Engine) async throws {
        try await withServedRealtime(engine) { fixture, port, _ in
            let (readers, messages) = (200, 50)
            let clients = try (0..<readers).map { _ in try WebSocketClient(port: port) }
            for client in clients {
                #expect(try await client.open("/v1/realtime/topics/notes.a", headers: fixture.bearer) == 101)
            }
            for message in 0..<messages { try await fixture.append("\(message)") }
            for client in clients {
                for number in 1...Int64(messages) {
                    #expect(try await client.frame().value["seq"]?.integer == number)
                }
            }
        }
    }

    /// Runs `body` with the port of a server, and a function that stops it.
    private func withServedRealtime(
        _ engine: Engine, _ body: (RealtimeFixture, Int, () async -> Void) async throws -> Void
    ) async throws {
        try await withTestApp(
            engine, change: { ($0.baseURL, $0.subscriptionsPerCaller) = (Self.origin, 200) }
        ) { test in
            let fixture = try await RealtimeFixture(test)
            let (ports, onRunning) = AsyncStream.makeStream(of: Int.self)
            var limits = HTTPLimits()
            limits.connectionsPerNetwork = 1_000
            let server = HTTPServer(
                host: "127.0.0.1", port: 0, limits: limits, logger: test.app.logger,
                malformed: { test.app.dispatcher.refuse($0.problem) },
                respond: { request in
                    await test.app.dispatcher.respond(
                        to: request.head, body: request.body, address: request.peerAddress)
                },
                onRunning: { onRunning.yield($0) })
            let services: [any Service] = [test.app.realtime.refresher, server, test.app.realtime.drain]
            let group = ServiceGroup(
                configuration: .init(
                    services: services.map { .init(service: $0, successTerminationBehavior: .ignore) },
                    logger: test.app.logger))
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await group.run() }
                var iterator = ports.makeAsyncIterator()
                let port = try #require(await iterator.next())
                defer { tasks.cancelAll() }
                try await body(fixture, port) { await group.triggerGracefulShutdown() }
            }
        }
    }
}

extension RealtimeFixture {
    var bearer: [String: String] { ["Authorization": "Bearer \(person.token)"] }
}
