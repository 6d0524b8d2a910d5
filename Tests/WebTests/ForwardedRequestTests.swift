import App
import Base
import HTTPTypes
import NIOCore
import TestKit
import Testing
import Web

/// Requests that a trusted proxy forwards are counted by the network of their client.
@Suite struct ForwardedRequestTests {
    private static let proxy = "10.0.0.1"

    /// A request whose body ends when `gate` opens.
    private func pending(_ app: TestApp, from peer: String, for client: String, until gate: Latch) async -> Int {
        var head = HTTPRequest(method: .post, scheme: "http", authority: "localhost", path: "/v1/auth/register")
        head.headerFields[.contentType] = "application/json"
        head.headerFields[.xForwardedFor] = client
        let chunks = AsyncStream<ByteBuffer> {
            await gate.wait()
            return nil
        }
        let body = RequestBody(chunks, announcedSize: 10)
        return await app.app.dispatcher.respond(to: head, body: body, address: peer).status.code
    }

    @Test(arguments: Engine.available)
    func `a network has no more requests under way than it may have connections`(_ engine: Engine) async throws {
        try await withTestApp(
            engine, change: { ($0.trustedProxies, $0.connectionsPerNetwork) = ([Self.proxy], 2) }
        ) { app in
            let gate = Latch()
            func plans(_ client: String, from peer: String = Self.proxy) async -> TestResponse {
                await app.call("GET", "/v1/plans", headers: ["X-Forwarded-For": client], address: peer)
            }
            try await withThrowingTaskGroup(of: Int.self) { group in
                for host in 1...2 {
                    group.addTask {
                        await pending(app, from: Self.proxy, for: "2001:db8::\(host)", until: gate)
                    }
                }
                #expect(try await eventually { gate.waitingCount == 2 })
                let refused = await plans("2001:db8::3")
                #expect(refused.status == 503 && refused.code == "overloaded")
                #expect(refused.headers["retry-after"] == "1")
                let health = await app.call(
                    "GET", "/health", headers: ["X-Forwarded-For": "2001:db8::3"], address: Self.proxy)
                #expect(health.status == 200)
                #expect(await plans("2001:db8:0:1::3").status == 200, "another network")
                #expect(await plans("2001:db8::3", from: "192.0.2.7").status == 200, "not from a proxy")
                #expect(await plans("10.0.0.1").status == 200, "the proxy itself")
                gate.open()
                for try await status in group { #expect(status == 400) }
            }
            #expect(await plans("2001:db8::3").status == 200)
        }
    }

    @Test(arguments: [
        (["10.0.0.1"], "10.0.0.1", ["garbage", "", "192.0.2.7,,", "192.0.2.7, unknown, 10.0.0.1"]),
        (["10.0.0.0/8"], "10.0.0.1", ["192.0.2.7, unknown, 10.0.0.2", "10.0.0.2"]),
        (["unix"], "unix", ["garbage", ""]),
    ])
    func `requests without a readable client count for the proxy`(
        _ proxies: [String], _ peer: String, _ fields: [String]
    ) async throws {
        try await withTestApp(.sqlite, change: { ($0.trustedProxies, $0.connectionsPerNetwork) = (proxies, 2) }) {
            app in
            for field in fields {
                let gate = Latch()
                func plans(_ client: String) async -> Int {
                    await app.call("GET", "/v1/plans", headers: ["X-Forwarded-For": client], address: peer).status
                }
                try await withThrowingTaskGroup(of: Int.self) { group in
                    for _ in 1...2 {
                        group.addTask { await pending(app, from: peer, for: field, until: gate) }
                    }
                    #expect(try await eventually { gate.waitingCount == 2 })
                    #expect(await plans(field) == 503, "\(field)")
                    #expect(await plans("2001:db8::3") == 200, "\(field)")
                    let health = await app.call("GET", "/health", address: peer)
                    #expect(health.status == 200)
                    gate.open()
                    for try await status in group { #expect(status == 400) }
                }
                #expect(await plans(field) == 200, "\(field)")
            }
        }
    }

    @Test func `requests of clients that only claim to be forwarded are not counted`() async throws {
        try await withTestApp(
            .sqlite, change: { ($0.trustedProxies, $0.connectionsPerNetwork) = ([Self.proxy], 1) }
        ) { app in
            let gate = Latch()
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 1...3 {
                    group.addTask { await pending(app, from: "192.0.2.7", for: "2001:db8::1", until: gate) }
                }
                #expect(try await eventually { gate.waitingCount == 3 })
                let response = await app.call(
                    "GET", "/v1/plans", headers: ["X-Forwarded-For": "2001:db8::1"], address: Self.proxy)
                #expect(response.status == 200)
                gate.open()
                for try await status in group { #expect(status == 400) }
            }
        }
    }
}
