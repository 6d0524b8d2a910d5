import App
import Base
import Identity
import Modules
import TestKit
import Testing

@testable import Realtime

/// The endpoint of Socket.IO, by polling.
@Suite struct SocketIOTests {
    private static let origin = "https://app.example.org"

    @Test(arguments: Engine.available)
    func `a client opens a connection, is admitted by its token, and sends events`(engine: Engine) async throws {
        try await withRealtime(engine) { fixture in
            let (id, opening) = try await fixture.openSocket()
            #expect(opening["upgrades"] == ["websocket"])
            #expect(opening["pingInterval"] == 25_000)
            #expect(opening["pingTimeout"] == 20_000)
            #expect(opening["maxPayload"] == 65_536)
            #expect(await fixture.send(#"40{"token":"\#(fixture.person.token)"}"#, by: id).text == "ok")
            #expect(await fixture.poll(id).hasPrefix(#"40{"sid":""#))
            // An event without a handler is acknowledged.
            #expect(await fixture.send(#"427["unknown",{}]"#, by: id).status == 200)
            #expect(await fixture.poll(id) == "437[]")
            #expect(await fixture.send("41", by: id).status == 200)
            #expect(await fixture.send("3", by: id).status == 400)
        }
    }

    @Test(
        arguments: [
            ("40", "missing-authorization"), (#"40{"token":"x.y.z"}"#, "authentication-failed"),
            (#"40{"token":7}"#, "missing-authorization"), ("40{", "missing-authorization"),
        ])
    func `a client without a valid token is refused`(packet: String, code: String) async throws {
        try await withRealtime(.sqlite) { fixture in
            let (id, _) = try await fixture.openSocket()
            #expect(await fixture.send(packet, by: id).status == 200)
            let refusal = await fixture.poll(id)
            #expect(refusal.hasPrefix("44"))
            let value = try JSONValue(parsing: Array(refusal.utf8.dropFirst(2)))
            #expect(value["data"]?["code"]?.string == code)
            // Events are not accepted before.
            #expect(await fixture.send(#"42["a"]"#, by: id).status == 200)
            #expect(await fixture.poll(id) == "1")
            #expect(await fixture.send("3", by: id).status == 400)
        }
    }

    @Test func `other namespaces do not exist`() async throws {
        try await withRealtime(.sqlite) { fixture in
            let (id, _) = try await fixture.openSocket()
            _ = await fixture.send("40/admin,", by: id)
            #expect(await fixture.poll(id).hasPrefix(#"44/admin,{"#))
        }
    }

    @Test(arguments: ["", "9", "bAQID", "451-[\"a\"]", "4", "2", "4a\u{1E}", "42[\"a\"]"])
    func `what a client may not send ends its connection`(body: String) async throws {
        try await withRealtime(.sqlite) { fixture in
            let (id, _) = try await fixture.openSocket()
            _ = await fixture.send(body, by: id)
            #expect(await fixture.poll(id) == "1")
            #expect(await fixture.send("3", by: id).status == 400)
        }
    }

    @Test func `requests outside of the protocol and its bounds are refused`() async throws {
        try await withRealtime(.sqlite) { fixture in
            func status(_ query: String, _ headers: [String: String] = [:]) async -> Int {
                await fixture.test.call("GET", "/socket.io/\(query)", headers: headers).status
            }
            #expect(await status("") == 400)
            #expect(await status("?EIO=3&transport=polling") == 400)
            #expect(await status("?EIO=4&transport=other") == 400)
            #expect(await status("?EIO=4&transport=websocket") == 400)
            #expect(await status("?EIO=4&transport=polling&sid=unknown") == 400)
            let (id, _) = try await fixture.openSocket()
            let large = "4" + String(repeating: "a", count: EngineIOPayload.bytesMax)
            #expect(await fixture.send(large, by: id).status == 413)
            #expect(
                await fixture.test.call(
                    "POST", "/socket.io/?EIO=4&transport=polling&sid=\(id)", json: [:]
                ).status == 415)
        }
    }

    @Test func `pages of other origins are refused`() async throws {
        try await withTestApp(.sqlite, change: { $0.corsOrigins = [Self.origin] }) { test in
            func response(_ origin: String) async -> TestResponse {
                await test.call("GET", "/socket.io/?EIO=4&transport=polling", headers: ["Origin": origin])
            }
            let allowed = await response(Self.origin)
            #expect(allowed.status == 200)
            #expect(allowed.headers["access-control-allow-origin"] == Self.origin)
            let foreign = await response("https://evil.example.com")
            #expect(foreign.status == 403)
            #expect(foreign.headers["access-control-allow-origin"] == nil)
        }
    }

    @Test func `an address and an account have a number of connections`() async throws {
        try await withRealtime(.sqlite) { fixture in
            for number in 0..<SocketIOService.personMax + 1 {
                let (id, _) = try await fixture.openSocket()
                _ = await fixture.send(#"40{"token":"\#(fixture.person.token)"}"#, by: id)
                let answer = await fixture.poll(id)
                #expect(answer.hasPrefix(number < SocketIOService.personMax ? "40" : "44"))
            }
            // The one that was refused counts.
            for _ in 1..<SocketIOService.unadmittedMax { _ = try await fixture.openSocket() }
            #expect(await fixture.test.call("GET", "/socket.io/?EIO=4&transport=polling").status == 503)
        }
    }

    @Test(arguments: Engine.available)
    func `a logout ends the connections of the session`(engine: Engine) async throws {
        try await withRealtime(engine) { fixture in
            let (id, _) = try await fixture.openSocket()
            _ = await fixture.send(#"40{"token":"\#(fixture.person.token)"}"#, by: id)
            _ = await fixture.poll(id)
            #expect(await fixture.test.call("POST", "/v1/auth/logout", token: fixture.person.token).status < 300)
            try await fixture.realtime.refresher.refresh()
            #expect(await fixture.poll(id) == "41\u{1E}1")
            #expect(await fixture.send("3", by: id).status == 400)
        }
    }

    @Test func `a server that stops ends its connections and opens none`() async throws {
        try await withRealtime(.sqlite) { fixture in
            let (id, _) = try await fixture.openSocket()
            fixture.realtime.drain.stop()
            #expect(await fixture.poll(id) == "1")
            #expect(await fixture.test.call("GET", "/socket.io/?EIO=4&transport=polling").status == 503)
        }
    }

    @Test func `a client that answers no ping is disconnected`() async throws {
        try await withRealtime(.sqlite) { fixture in
            let app = fixture.test.app
            let sockets = SocketIOService(
                member: app.identity.member, access: app.identity.access,
                subscriptions: app.realtime.subscriptions,
                timing: EngineIOTiming(pingInterval: .milliseconds(40), pingTimeout: .milliseconds(20)),
                logger: app.logger, runtime: .system)
            let connection = try sockets.open(
                .polling, for: ClientInfo(address: "192.0.2.1", requestID: "request-1", userAgent: nil))
            #expect(await connection.next()?.map(\.kind) == [.open])
            #expect(await connection.next()?.first == EngineIOPacket(.ping))
            #expect(try await eventually { connection.isClosed })
            #expect(await connection.next() == [EngineIOPacket(.close)])
            #expect(await connection.next() == nil)
        }
    }

    @Test func `events wait for a client that is slower, in their order`() async throws {
        let connection = EngineIOConnection(
            id: "a", transport: .polling, client: ClientInfo(address: "192.0.2.1", requestID: "r", userAgent: nil))
        let count = 3 * EngineIOConnection.packetsMax
        let sending = Task {
            for number in 0..<count { await connection.send(EngineIOPacket(.message, "\(number)")) }
        }
        var received: [String] = []
        while received.count < count, let packets = await connection.next() {
            #expect(packets.count <= EngineIOPayload.packetsMax)
            received += packets.map(\.data)
        }
        await sending.value
        #expect(received == (0..<count).map { "\($0)" })
    }
}

extension RealtimeFixture {
    /// Opens a connection by polling.
    /// - Returns: its id, and the data of the first packet.
    fileprivate func openSocket() async throws -> (id: String, opening: JSONValue) {
        let response = await test.call("GET", "/socket.io/?EIO=4&transport=polling")
        try #require(response.status == 200 && response.text.hasPrefix("0{"), "\(response)")
        let opening = try JSONValue(parsing: Array(response.text.utf8.dropFirst()))
        return (try #require(opening["sid"]?.string), opening)
    }

    fileprivate func send(_ text: String, by id: String) async -> TestResponse {
        await test.call(
            "POST", "/socket.io/?EIO=4&transport=polling&sid=\(id)", body: ("text/plain", Array(text.utf8)))
    }

    fileprivate func poll(_ id: String) async -> String {
        await test.call("GET", "/socket.io/?EIO=4&transport=polling&sid=\(id)").text
    }
}
