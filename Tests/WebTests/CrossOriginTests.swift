import HTTPTypes
import Testing
import Web

@Suite struct CrossOriginTests {
    private static let ours = "https://app.example.org"
    private static let routes: [Route] = [.get("/health", "Root", requires: .public) { _ in Nothing() }]
    private let house = House(routes, corsOrigins: [ours])

    @Test func `pages of our origins may read the answer`() async {
        let reply = await house.call("GET", "/health", headers: ["Origin": Self.ours])
        #expect(reply.headers[.accessControlAllowOrigin] == Self.ours)
        #expect(reply.headers[.accessControlAllowCredentials] == "true")
        #expect(reply.headers[.accessControlExposeHeaders]?.contains("X-Request-ID") == true)
        #expect(reply.headers[.vary] == "Origin")
        let refused = await house.call("GET", "/nothing", headers: ["Origin": Self.ours])
        #expect(refused.status == 404)
        #expect(refused.headers[.accessControlAllowOrigin] == Self.ours)
    }

    @Test(arguments: [
        "https://mallory.example", "null", "http://app.example.org", "https://app.example.org:444", "https://APP.example.org",
        "https://app.example.org.mallory.example", "",
    ])
    func `others are answered, and their browsers keep the answer from them`(_ origin: String) async {
        let reply = await house.call("GET", "/health", headers: ["Origin": origin])
        #expect(reply.status == 204)
        #expect(reply.headers[.accessControlAllowOrigin] == nil)
        #expect(reply.headers[.accessControlAllowCredentials] == nil)
        #expect(reply.headers[.vary] == "Origin")
    }

    @Test func `a preflight is answered for our origins`() async {
        let reply = await house.call("OPTIONS", "/v1/anything", headers: ["Origin": Self.ours, "Access-Control-Request-Method": "POST"])
        #expect(reply.status == 204)
        #expect(reply.headers[.accessControlAllowOrigin] == Self.ours)
        #expect(reply.headers[.accessControlAllowMethods]?.contains("DELETE") == true)
        for header in ["Authorization", "Content-Type", "X-CSRF-Token", "Idempotency-Key"] {
            #expect(reply.headers[.accessControlAllowHeaders]?.contains(header) == true)
        }
        #expect(reply.headers[.accessControlMaxAge] == "600")
        let foreign = await house.call("OPTIONS", "/v1/anything", headers: ["Origin": "https://mallory.example", "Access-Control-Request-Method": "POST"])
        #expect(foreign.status == 204)
        #expect(foreign.headers[.accessControlAllowOrigin] == nil)
        #expect(foreign.headers[.accessControlAllowMethods] == nil)
    }

    @Test func `a star lets everybody read and nobody use credentials`() async {
        let reply = await House(Self.routes, corsOrigins: ["*"]).call("GET", "/health", headers: ["Origin": "https://any.example"])
        #expect(reply.headers[.accessControlAllowOrigin] == "https://any.example")
        #expect(reply.headers[.accessControlAllowCredentials] == nil)
    }

    @Test func `without origins nothing is said of them`() async {
        let reply = await House(Self.routes).call("GET", "/health", headers: ["Origin": Self.ours])
        #expect(reply.headers[.accessControlAllowOrigin] == nil)
        #expect(reply.headers[.vary] == nil)
    }
}
