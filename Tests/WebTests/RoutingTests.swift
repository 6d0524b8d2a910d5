import Base
import HTTPTypes
import Telemetry
import Testing
import Web

@Suite struct RoutingTests {
    private struct Seen: Payload { var at: String }

    private let fixture = WebFixture([
        .get("/health", "Root", requires: .public) { _ in Seen(at: "health") },
        .get("things", "List", requires: .public) { _ in Seen(at: "list") },
        .post("things", "Make", requires: .public) { _ in Seen(at: "make") },
        .get("things/special", "Literal", requires: .public) { _ in Seen(at: "special") },
        .get("things/{name}", "One", requires: .public, .path("name")) { _, name in Seen(at: "one \(name)") }.alias(
            "objects/{name}", "/console/{name}"),
        .get("things/{name}/parts/{part}", "Part", requires: .public, .path("name"), .path("part")) { _, name, part in
            Seen(at: "\(name) \(part)")
        },
        .get("things/special/{name}", "Below", requires: .public, .path("name")) { _, name in Seen(at: "below \(name)")
        },
        .delete("things/{name}", "Gone", requires: .public, .path("name")) { _, _ in NoContent() },
    ])

    @Test(arguments: [
        ("/v1/things", "list"), ("/things", "list"), ("/api/things", "list"), ("/api/v1/things", "list"),
        ("/v1/things/", "list"), ("/things?limit=3", "list"),
        ("/things?", "list"),
        ("/v1/things/special", "special"), ("/things/one", "one one"), ("/things/a%2Fb", "one a/b"),
        ("/things/a+b", "one a+b"),
        ("/things/%C3%A9%20", "one é "), ("/things/..", "one .."),
        ("/things/special/parts/7", "special 7"), ("/things/special/x", "below x"), ("/v1/objects/one", "one one"),
        ("/api/objects/one", "one one"),
        ("/console/one", "one one"), ("/health", "health"),
    ])
    func `a route is served under all spellings of its path`(_ path: String, _ expected: String) async {
        let response = await fixture.call("GET", path)
        #expect(response.status == 200, "\(path)")
        #expect(response["at"] == .string(expected))
    }

    @Test(arguments: [
        "/v1/health", "/api/health", "/health/", "/", "/nothing", "/v1", "/api", "/api/v1", "/v1/v1/things",
        "/api/api/things", "/v1/api/things", "/apithings",
        "//things", "/things//", "/things/one/parts",
        "/things/one/parts/", "/Things", "/things/one/two/three", "*", "", "http://elsewhere.example/things",
        "/things;v=1", "/%74hings",
    ])
    func `other paths are 404`(_ path: String) async {
        let response = await fixture.call("GET", path)
        #expect(response.status == 404, "\(path)")
        #expect(response.code == "not-found")
        #expect(response.headers[.contentType] == "application/problem+json; charset=utf-8")
        #expect(response["type"] == "/problems/not-found")
        #expect(response["status"] == 404)
        #expect(response["error"] == response["title"])
        #expect(response["request_id"]?.string == response.headers[.xRequestID])
    }

    @Test func `a query with a parameter that is not percent-encoded UTF-8 is 400, with the reason`() async {
        for query in ["a=%ff", "a=%zz", "a=%", "%c0%af=a", "a=1&b=%e0%80"] {
            let response = await fixture.call("GET", "/things/one?\(query)")
            #expect(response.status == 400 && response.code == "invalid-request", "\(query)")
            #expect(response["detail"]?.string?.contains("percent-encoded UTF-8") == true, "\(response)")
        }
        #expect(await fixture.call("GET", "/things/one?a=%C3%A9&b&&c=+").status == 200)
    }

    @Test func `invalid percent-encoding in a path is 400`() async {
        for path in ["/things/%", "/things/%2", "/things/%zz", "/things/%ff", "/things/%c0%af", "/things/%+1"] {
            let response = await fixture.call("GET", path)
            #expect(response.status == 400, "\(path)")
            #expect(response.code == "invalid-request")
        }
        #expect(await fixture.call("GET", "/things/%00").status == 404)
        #expect(await fixture.call("GET", "/things/\(String(repeating: "a", count: 255))").status == 200)
        #expect(await fixture.call("GET", "/things/\(String(repeating: "a", count: 256))").status == 404)
    }

    @Test(arguments: [
        ("PUT", "/things", "GET, HEAD, POST"), ("POST", "/things/one", "DELETE, GET, HEAD"),
        ("OPTIONS", "/things", "GET, HEAD, POST"),
        ("BREW", "/health", "GET, HEAD"),
    ])
    func `another method is 405 with Allow`(_ method: String, _ path: String, _ allowed: String) async {
        let response = await fixture.call(method, path)
        #expect(response.status == 405)
        #expect(response.code == "method-not-allowed")
        #expect(response.headers[.allow] == allowed)
    }

    @Test func `HEAD is served by the GET route`() async throws {
        let head = await fixture.call("HEAD", "/things/one")
        let get = await fixture.call("GET", "/things/one")
        #expect(head.status == 200)
        #expect(head.headers[.contentType] == get.headers[.contentType])
        #expect(await fixture.call("HEAD", "/nothing").status == 404)
        #expect(try fixture.lines().map { $0["method"]?.string } == ["HEAD", "GET", "HEAD"])
    }

    @Test func `the log and the metrics have the declared path, never the requested one`() async throws {
        _ = await fixture.call("GET", "/api/things/a-secret-thing?token=abc")
        _ = await fixture.call("GET", "/nothing/a-secret-thing")
        _ = await fixture.call("BREW", "/things")
        let lines = try fixture.lines()
        #expect(lines.map { $0["path"]?.string } == ["/v1/things/{name}", "(no route)", "(no route)"])
        #expect(lines.map { $0["method"]?.string } == ["GET", "GET", "other"])
        #expect(!fixture.log.lines.joined().contains("secret"))
        #expect(!fixture.metrics.exposition.contains("secret"))
        #expect(
            fixture.metrics.exposition.contains(
                #"gatehouse_http_requests_total{route="/v1/things/{name}",method="GET",status="200"} 1"#))
        #expect(fixture.metrics.exposition.contains(#"gatehouse_refusals_total{code="not-found"} 1"#))
    }

    @Test func `an access log line has all its fields`() async throws {
        _ = await fixture.call("GET", "/things", headers: ["X-Request-ID": "request-0001"])
        let line = try #require(try fixture.lines().first?.object)
        #expect(
            Set(line.keys) == [
                "timestamp", "level", "logger", "message", "request_id", "method", "path", "status_code", "duration_ms",
                "client_ip", "user",
            ])
        #expect(line["request_id"] == "request-0001")
        #expect(line["status_code"] == 200)
        #expect(line["client_ip"] == "192.0.2.9")
        #expect(line["user"] == "-")
        #expect(line["level"] == "info")
        #expect(line["duration_ms"]?.number != nil)
        #expect(line["timestamp"]?.string.flatMap { Instant($0) } != nil)
    }
}
