import HTTPTypes
import Testing
import Web

@Suite struct CrossOriginTests {
    private static let allowedOrigin = "https://app.example.org"
    private static let routes: [Route] = [.get("/health", "Root", requires: .public) { _ in NoContent() }]
    private let fixture = WebFixture(routes, corsOrigins: [allowedOrigin])

    @Test func `an allowed origin may read the response`() async {
        let response = await fixture.call("GET", "/health", headers: ["Origin": Self.allowedOrigin])
        #expect(response.headers[.accessControlAllowOrigin] == Self.allowedOrigin)
        #expect(response.headers[.accessControlAllowCredentials] == "true")
        for field in ["X-Request-ID", "X-Process-Time", "X-Total-Count"] {
            #expect(response.headers[.accessControlExposeHeaders]?.contains(field) == true, "\(field)")
        }
        #expect(response.headers[.vary] == "Origin")
        let refused = await fixture.call("GET", "/nothing", headers: ["Origin": Self.allowedOrigin])
        #expect(refused.status == 404)
        #expect(refused.headers[.accessControlAllowOrigin] == Self.allowedOrigin)
    }

    @Test(arguments: [
        "https://mallory.example", "null", "http://app.example.org", "https://app.example.org:444",
        "https://APP.example.org",
        "https://app.example.org.mallory.example", "",
    ])
    func `another origin gets a response without CORS fields`(_ origin: String) async {
        let response = await fixture.call("GET", "/health", headers: ["Origin": origin])
        #expect(response.status == 204)
        #expect(response.headers[.accessControlAllowOrigin] == nil)
        #expect(response.headers[.accessControlAllowCredentials] == nil)
        #expect(response.headers[.vary] == "Origin")
    }

    @Test func `a preflight of an allowed origin is answered`() async {
        let response = await fixture.call(
            "OPTIONS", "/v1/anything", headers: ["Origin": Self.allowedOrigin, "Access-Control-Request-Method": "POST"])
        #expect(response.status == 204)
        #expect(response.headers[.accessControlAllowOrigin] == Self.allowedOrigin)
        #expect(response.headers[.accessControlAllowMethods]?.contains("DELETE") == true)
        for header in ["Authorization", "Content-Type", "X-CSRF-Token", "Idempotency-Key"] {
            #expect(response.headers[.accessControlAllowHeaders]?.contains(header) == true)
        }
        #expect(response.headers[.accessControlMaxAge] == "600")
        let foreign = await fixture.call(
            "OPTIONS", "/v1/anything",
            headers: ["Origin": "https://mallory.example", "Access-Control-Request-Method": "POST"])
        #expect(foreign.status == 204)
        #expect(foreign.headers[.accessControlAllowOrigin] == nil)
        #expect(foreign.headers[.accessControlAllowMethods] == nil)
    }

    @Test func `with a wildcard any origin may read, without credentials`() async {
        let response = await WebFixture(Self.routes, corsOrigins: ["*"]).call(
            "GET", "/health", headers: ["Origin": "https://any.example"])
        #expect(response.headers[.accessControlAllowOrigin] == "https://any.example")
        #expect(response.headers[.accessControlAllowCredentials] == nil)
    }

    @Test func `without allowed origins a response has no CORS fields`() async {
        let response = await WebFixture(Self.routes).call("GET", "/health", headers: ["Origin": Self.allowedOrigin])
        #expect(response.headers[.accessControlAllowOrigin] == nil)
        #expect(response.headers[.vary] == nil)
    }
}
