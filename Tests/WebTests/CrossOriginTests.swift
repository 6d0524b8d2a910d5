import HTTPTypes
import Testing
import Web

@Suite struct CrossOriginTests {
    private static let ours = "https://app.example.org"
    private static let routes: [Route] = [.get("/health", "Root", requires: .public) { _ in NoContent() }]
    private let house = WebFixture(routes, corsOrigins: [ours])

    @Test func `pages of our origins may read the answer`() async {
        let response = await house.call("GET", "/health", headers: ["Origin": Self.ours])
        #expect(response.headers[.accessControlAllowOrigin] == Self.ours)
        #expect(response.headers[.accessControlAllowCredentials] == "true")
        #expect(response.headers[.accessControlExposeHeaders]?.contains("X-Request-ID") == true)
        #expect(response.headers[.vary] == "Origin")
        let refused = await house.call("GET", "/nothing", headers: ["Origin": Self.ours])
        #expect(refused.status == 404)
        #expect(refused.headers[.accessControlAllowOrigin] == Self.ours)
    }

    @Test(arguments: [
        "https://mallory.example", "null", "http://app.example.org", "https://app.example.org:444",
        "https://APP.example.org",
        "https://app.example.org.mallory.example", "",
    ])
    func `others are answered, and their browsers keep the answer from them`(_ origin: String) async {
        let response = await house.call("GET", "/health", headers: ["Origin": origin])
        #expect(response.status == 204)
        #expect(response.headers[.accessControlAllowOrigin] == nil)
        #expect(response.headers[.accessControlAllowCredentials] == nil)
        #expect(response.headers[.vary] == "Origin")
    }

    @Test func `a preflight is answered for our origins`() async {
        let response = await house.call(
            "OPTIONS", "/v1/anything", headers: ["Origin": Self.ours, "Access-Control-Request-Method": "POST"])
        #expect(response.status == 204)
        #expect(response.headers[.accessControlAllowOrigin] == Self.ours)
        #expect(response.headers[.accessControlAllowMethods]?.contains("DELETE") == true)
        for header in ["Authorization", "Content-Type", "X-CSRF-Token", "Idempotency-Key"] {
            #expect(response.headers[.accessControlAllowHeaders]?.contains(header) == true)
        }
        #expect(response.headers[.accessControlMaxAge] == "600")
        let foreign = await house.call(
            "OPTIONS", "/v1/anything",
            headers: ["Origin": "https://mallory.example", "Access-Control-Request-Method": "POST"])
        #expect(foreign.status == 204)
        #expect(foreign.headers[.accessControlAllowOrigin] == nil)
        #expect(foreign.headers[.accessControlAllowMethods] == nil)
    }

    @Test func `a star lets everybody read and nobody use credentials`() async {
        let response = await WebFixture(Self.routes, corsOrigins: ["*"]).call(
            "GET", "/health", headers: ["Origin": "https://any.example"])
        #expect(response.headers[.accessControlAllowOrigin] == "https://any.example")
        #expect(response.headers[.accessControlAllowCredentials] == nil)
    }

    @Test func `without origins nothing is said of them`() async {
        let response = await WebFixture(Self.routes).call("GET", "/health", headers: ["Origin": Self.ours])
        #expect(response.headers[.accessControlAllowOrigin] == nil)
        #expect(response.headers[.vary] == nil)
    }
}
