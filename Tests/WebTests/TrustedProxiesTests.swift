import Base
import HTTPTypes
import Telemetry
import Testing
import Web

@Suite struct TrustedProxiesTests {
    private static let list = ["10.0.0.0/8", "2001:db8::/32", "198.51.100.7"]

    @Test(arguments: [
        // The header of a peer that is not trusted is ignored.
        ("203.0.113.1", ["192.0.2.1"], "203.0.113.1"),
        // One trusted proxy.
        ("10.1.1.1", ["192.0.2.1"], "192.0.2.1"),
        // Entries of the client are left of those of the proxy.
        ("10.1.1.1", ["1.1.1.1, 192.0.2.1"], "192.0.2.1"),
        ("10.1.1.1", ["1.1.1.1", "192.0.2.1"], "192.0.2.1"),
        // A chain of proxies, all of them trusted.
        ("10.1.1.1", ["1.1.1.1, 192.0.2.1, 198.51.100.7, 10.2.2.2"], "192.0.2.1"),
        ("2001:db8::1", ["2001:db9::5, 10.0.0.3"], "2001:db9::5"),
        // Every entry is trusted: the first one is the client.
        ("10.1.1.1", ["10.0.0.9, 10.0.0.8"], "10.0.0.9"),
        ("10.1.1.1", [], "10.1.1.1"),
        // Entries left of an invalid one are ignored.
        ("10.1.1.1", ["192.0.2.1, unknown"], "10.1.1.1"),
        ("10.1.1.1", ["192.0.2.1, , 10.0.0.3"], "10.0.0.3"),
        ("10.1.1.1", ["192.0.2.1 192.0.2.2"], "10.1.1.1"),
        ("10.1.1.1", [""], "10.1.1.1"),
        ("10.1.1.1", ["192.0.2.1:99999"], "10.1.1.1"),
        ("10.1.1.1", ["[192.0.2.1]:80"], "10.1.1.1"),
        // Some proxies append ports.
        ("10.1.1.1", ["192.0.2.1:4711"], "192.0.2.1"),
        ("10.1.1.1", ["[2001:db9::5]:4711"], "2001:db9::5"),
        ("10.1.1.1", ["[2001:db9::5]"], "2001:db9::5"),
        ("::ffff:10.1.1.1", ["\t192.0.2.1 "], "192.0.2.1"),
        ("unix", ["192.0.2.1"], "unix"),
    ])
    func `the client is the first entry from the right that is not a trusted proxy`(
        _ peer: String, _ forwarded: [String], _ client: String
    ) throws {
        #expect(try #require(TrustedProxies(Self.list)).client(of: peer, forwarded: forwarded) == client)
    }

    @Test func `a proxy on a Unix socket is trusted by name`() throws {
        #expect(try #require(TrustedProxies(["unix"])).client(of: "unix", forwarded: ["192.0.2.1"]) == "192.0.2.1")
        #expect(TrustedProxies.none.client(of: "unix", forwarded: ["192.0.2.1"]) == "unix")
        #expect(TrustedProxies(["proxy.example"]) == nil)
    }

    @Test func `a handler and the access log have the address of the client`() async throws {
        let log = LogOutput(keepsLines: true)
        let dispatcher = RequestDispatcher(
            routes: [.get("address", "Who calls", requires: .public) { visitor in PlainText(visitor.address) }],
            corsOrigins: [],
            proxies: try #require(TrustedProxies(["10.0.0.0/8"])),
            metrics: Metrics(),
            logger: Logger(label: "test") { LineLogHandler(label: $0, format: .json, level: .info, output: log) },
            runtime: .system
        )
        var head = HTTPRequest(method: .get, scheme: "http", authority: "localhost", path: "/v1/address")
        for value in ["6.6.6.6", "192.0.2.1, 10.0.0.2"] {
            head.headerFields.append(HTTPField(name: .xForwardedFor, value: value))
        }
        #expect(
            TestedResponse(await dispatcher.respond(to: head, body: RequestBody(bytes: []), address: "10.0.0.1")).text
                == "192.0.2.1")
        #expect(
            TestedResponse(await dispatcher.respond(to: head, body: RequestBody(bytes: []), address: "192.0.2.66")).text
                == "192.0.2.66")
        #expect(log.lines.map { $0.contains("192.0.2.1\"") } == [true, false])
    }
}
