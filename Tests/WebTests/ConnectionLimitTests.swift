import Base
import TestKit
import Testing

@testable import Web

/// What one network and all clients together can make the server hold.
@Suite struct ConnectionLimitTests {
    private static let get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    private static let health = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"

    private static func post(_ announced: Int, _ sent: Int) -> String {
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: \(announced)\r\n\r\n" + String(repeating: "a", count: sent)
    }

    /// A client whose connection is accepted and has answered a request.
    private func connected(_ server: RunningServer) async throws -> RawClient {
        let client = try server.client()
        try await client.send(Self.get)
        #expect(try await client.response().status == 200)
        return client
    }

    private func expectRestricted(_ server: RunningServer) async throws {
        let refused = try server.client()
        try await refused.send(Self.get)
        let response = try await refused.response()
        #expect(response.status == 503 && response.text.contains("overloaded"))
        #expect(response.headers["retry-after"] == "1" && response.headers["connection"] == "close")
        #expect(try await refused.countToEnd() == 0)
        let probe = try server.client()
        try await probe.send(Self.health)
        let health = try await probe.response()
        #expect(health.text == "GET /health " && health.headers["connection"] == "close")
        #expect(try await probe.countToEnd() == 0)
    }

    @Test func `connections beyond the limit answer health checks alone`() async throws {
        try await withServer(limits: { $0.connections = 1 }) { request in
            await ServerTests.echo(request)
        } use: { server in
            var first: RawClient? = try await connected(server)
            try await expectRestricted(server)
            try await first?.send(Self.get)
            #expect(try await first?.response().status == 200)
            first = nil
            let isFree = try await eventually {
                let next = try server.client()
                try await next.send(Self.get)
                return try await next.response().status == 200
            }
            #expect(isFree)
        }
    }

    @Test func `connections of one network beyond its limit answer health checks alone`() async throws {
        try await withServer(limits: { $0.connectionsPerNetwork = 2 }) { request in
            await ServerTests.echo(request)
        } use: { server in
            let clients = [try await connected(server), try await connected(server)]
            try await expectRestricted(server)
            for client in clients {
                try await client.send(Self.get)
                #expect(try await client.response().status == 200)
            }
        }
    }

    @Test func `connections of a trusted proxy are not counted by network`() async throws {
        let proxies = try #require(TrustedProxies(["127.0.0.1"]))
        try await withServer(limits: { $0.connectionsPerNetwork = 1 }, proxies: proxies) { request in
            await ServerTests.echo(request)
        } use: { server in
            let clients = [try await connected(server), try await connected(server), try await connected(server)]
            #expect(clients.count == 3)
        }
    }

    @Test func `a health check is answered during a flood of idle connections`() async throws {
        try await withServer(limits: {
            ($0.connectionsPerNetwork, $0.restrictedConnections) = (1, 3)
            $0.restrictedHeaderTimeout = .seconds(60)
        }) { request in
            await ServerTests.echo(request)
        } use: { server in
            let admitted = try await connected(server)
            var idle: [RawClient] = []
            for count in 1...3 {
                idle.append(try server.client())
                #expect(try await eventually { server.openConnections == 1 + count })
            }
            let probe = try server.client()
            try await probe.send(Self.health)
            #expect(try await probe.response().status == 200)
            #expect(try await idle[0].countToEnd() == 0, "the oldest one is closed")
            try await admitted.send(Self.get)
            #expect(try await admitted.response().status == 200)
        }
    }

    @Test func `bodies that take too much memory together are answered 503, small ones are not`() async throws {
        try await withServer(limits: { ($0.bodyMemoryBytes, $0.uncountedBodyBytes) = (64 << 10, 1 << 10) }) { request in
            await ServerTests.echo(request)
        } use: { server in
            let first = try server.client()
            try await first.send(Self.post(60_000, 59_999))
            #expect(try await eventually { server.server.reservedBodyBytes == 59_999 - 1_024 })
            let refused = try server.client()
            try await refused.send(Self.post(20_000, 20_000))
            let response = try await refused.response()
            #expect(response.status == 503)
            #expect(response.headers["retry-after"] == "2" && response.headers["connection"] == "close")
            #expect(try await refused.countToEnd() == 0)
            let small = try server.client()
            try await small.send(Self.post(1_000, 1_000))
            #expect(try await small.response().status == 200)
            try await first.send("a")
            #expect(try await first.response().status == 200)
            #expect(try await eventually { server.server.reservedBodyBytes == 0 })
            let next = try server.client()
            try await next.send(Self.post(20_000, 20_000))
            #expect(try await next.response().status == 200)
        }
    }

    @Test func `the bodies of one network take a part of the memory, those of a proxy all of it`() async throws {
        for (proxies, status) in [(TrustedProxies.none, 503), (try #require(TrustedProxies(["127.0.0.1"])), 200)] {
            try await withServer(
                limits: { ($0.bodyMemoryBytesPerNetwork, $0.uncountedBodyBytes) = (50_000, 0) }, proxies: proxies
            ) { request in
                await ServerTests.echo(request)
            } use: { server in
                let first = try server.client()
                try await first.send(Self.post(40_000, 39_999))
                #expect(try await eventually { server.server.reservedBodyBytes == 39_999 })
                let second = try server.client()
                try await second.send(Self.post(20_000, 20_000))
                #expect(try await second.response().status == status)
                try await first.send("a")
                #expect(try await first.response().status == 200)
                #expect(try await eventually { server.server.reservedBodyBytes == 0 })
            }
        }
    }

    @Test func `the memory of a body is free after its client disconnects`() async throws {
        try await withServer { request in
            await ServerTests.echo(request)
        } use: { server in
            var client: RawClient? = try server.client()
            try await client?.send(Self.post(100_000, 50_000))
            #expect(try await eventually { server.server.reservedBodyBytes > 0 })
            client = nil
            #expect(try await eventually { server.server.reservedBodyBytes == 0 })
        }
    }

    @Test func `a body that arrives byte by byte is answered 408`() async throws {
        try await withServer(limits: {
            ($0.bodyReadTimeout, $0.bodyRateGrace) = (.seconds(10), .milliseconds(300))
        }) { request in
            await ServerTests.echo(request)
        } use: { server in
            let client = try server.client()
            try await client.send(Self.post(1_000, 1))
            for _ in 0..<50 {
                try await client.send("a")
                try await Task.sleep(for: .milliseconds(20))
            }
            let response = try await client.response()
            #expect(response.status == 408 && response.headers["connection"] == "close")
        }
    }
}
