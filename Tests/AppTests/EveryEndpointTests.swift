import App
import Base
import Entitlements
import HTTPTypes
import Identity
import Modules
import TestKit
import Testing

/// Every endpoint with every caller: the response is one that the route declares.
@Suite struct EveryEndpointTests {
    /// Holds the schema of each payload type after its first use.
    private let schemas = SchemaReader()

    @Test(arguments: Engine.available)
    func `every endpoint answers every caller as its gate declares, without a 5xx`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let callers = try await CallersFixture(app)
            let tokens = AccessTokens(app)
            let bodies = ResponseBodies()
            let document = try JSONValue(parsing: await app.call("GET", "/openapi.json").bytes)
            for route in app.app.routes {
                let responses = document["paths"]?[route.path]?[route.method.rawValue.lowercased()]?["responses"]?
                    .object
                let documented = Set(responses?.keys.compactMap { Int($0) } ?? [200])
                for caller in callers.all {
                    let refusal = caller.refusal(at: route, catalogue: app.app.entitlements.plans.current)
                    for path in Self.paths(of: route) {
                        let response = try await Self.send(app, route, path, caller, tokens)
                        let body = bodies.json(of: response)
                        let code = body["code"]?.string
                        func comment() -> Comment { "\(route.method) \(path) as \(caller.name): \(response)" }
                        #expect(response.status < 500 || code == "not-configured", comment())
                        #expect(documented.contains(response.status), comment())
                        if let refusal {
                            #expect(code == refusal, comment())
                            #expect(
                                route.problems.contains { $0.code == refusal && $0.status == response.status },
                                comment())
                        } else {
                            #expect(!Self.gateCodes.contains(code ?? ""), comment())
                            expectDocumented(response, body, route, comment)
                        }
                    }
                }
            }
            // The calls create nothing that is charged. The only jobs are e-mails and the exports of personal data that
            // signed-in callers may start.
            for table: SQL in [
                "reservations", "usage_entries", "credit_holds",
                "jobs WHERE kind NOT IN ('mail.deliver', 'privacy.prepare-export')", "training_sessions",
            ] {
                #expect(try await app.app.database.read { try $0.count("SELECT COUNT(*) AS count FROM \(table)") } == 0)
            }
        }
    }

    @Test func `every route declares its identity requirement first, and this list has the public endpoints`()
        async throws
    {
        try await withTestApp(.sqlite) { app in
            #expect(app.app.routes.count > 40)
            for route in app.app.routes {
                let first = route.gate.first { $0.kind != .rate }?.kind
                #expect(
                    first == .public || first == .metricsToken || first == .member || first == .role
                        || first == .organisationRole || first == .serviceKey,
                    "\(route.method) \(route.path)")
            }
            #expect(
                app.app.routes.filter(\.isPublic).map { "\($0.method) \($0.path)" }.sorted() == [
                    "GET /", "GET /.well-known/jwks.json", "GET /docs", "GET /docs/style.css", "GET /health",
                    "GET /openapi.json", "GET /problems/{code}", "GET /ready", "GET /sandbox/{id}", "GET /socket.io/",
                    "GET /v1/accept-invitation",
                    "GET /v1/keep-account", "GET /v1/marketplace/files/{id}", "GET /v1/payments/pricing",
                    "GET /v1/plans",
                    "GET /v1/plans/shared/{token}", "GET /v1/reset-password",
                    "GET /v1/user/export/{token}", "GET /v1/verify-email", "GET /v1/workflow-approval",
                    "GET /v1/ws/sandbox/{session_id}",
                    "POST /socket.io/", "POST /v1/auth/browser-session",
                    "POST /v1/auth/forgot-password", "POST /v1/auth/login", "POST /v1/auth/mfa/challenge",
                    "POST /v1/auth/refresh", "POST /v1/auth/register", "POST /v1/auth/resend-verification",
                    "POST /v1/auth/reset-password", "POST /v1/auth/signin", "POST /v1/auth/signup",
                    "POST /v1/auth/verify-email", "POST /v1/auth/verify-token",
                    "POST /v1/marketplace/contact-submissions", "POST /v1/marketplace/demo-requests",
                    "POST /v1/marketplace/dfy-leads", "POST /v1/marketplace/waitlist-subscribers",
                    "POST /v1/user/erasure/cancellation", "POST /v1/webhooks/stripe", "POST /v1/webhooks/upi",
                    "POST /v1/workflow-approvals",
                ]
            )
        }
    }

    /// Problem codes that only the gate produces.
    private static let gateCodes: Set<String> = [
        "missing-authorization", "authentication-failed", "token-expired", "insufficient-role", "insufficient-scope",
        "api-key-expired", "not-a-member", "email-not-verified",
        "no-active-subscription", "feature-not-available",
        "quota-exceeded", "subscription-required", "credits-exhausted",
    ]

    /// Expects a declared problem, or a declared response whose body fits the documented schema.
    private func expectDocumented(
        _ response: TestResponse, _ body: JSONValue, _ route: Route, _ comment: () -> Comment
    ) {
        if response.status >= 400 {
            let code = body["code"]?.string
            #expect(route.problems.contains { $0.code == code && $0.status == response.status }, comment())
        } else {
            let answers = route.answers.filter { $0.status == response.status }
            #expect(!answers.isEmpty, comment())
            let faults = answers.compactMap(\.payload).map { payload in
                schemas.schema(of: payload).faults(in: body, components: schemas.components)
            }
            // A status may have several schemas: the body fits one of them.
            #expect(faults.isEmpty || faults.contains([]), comment())
        }
    }

    /// The path of the route with unused ids: eight bytes in hexadecimal, and a UUID.
    private static func paths(of route: Route) -> [String] {
        guard route.path.contains("{") else { return [route.path] }
        return ["00c0ffee00c0ffee", "00000000-0000-7000-8000-00000000dead"].map {
            route.path.replacing(/\{[^}]*\}/, with: $0)
        }
    }

    /// Sends an empty body. A call that succeeds with another method than GET may end sessions of the person: their
    /// next call uses a new one.
    private static func send(
        _ app: TestApp, _ route: Route, _ path: String, _ caller: Caller, _ tokens: AccessTokens
    ) async throws -> TestResponse {
        var headers = caller.headers
        if let person = caller.person { headers["Authorization"] = "Bearer \(try await tokens.token(of: person))" }
        let response: TestResponse
        if let mediaType = route.gate.first(where: { $0.kind == .body })?.mediaType {
            response = await app.call(
                route.method.rawValue, path, body: ("\(mediaType); boundary=x", Array("--x--\r\n".utf8)),
                headers: headers)
        } else {
            response = await app.call(
                route.method.rawValue, path, json: route.input == nil ? nil : [:], headers: headers)
        }
        if route.method != .get, response.status < 400, let person = caller.person { tokens.invalidate(person) }
        return response
    }
}

/// Parses response bodies, and reuses the result while the bytes are the same: the OpenAPI document has 750 kB and is
/// the same for every caller.
private final class ResponseBodies {
    private var bytes: [UInt8] = []
    private var json = JSONValue.null

    /// - Returns: null for a body that is not JSON.
    func json(of response: TestResponse) -> JSONValue {
        if response.bytes != bytes {
            bytes = response.bytes
            json = (try? JSONValue(parsing: bytes)) ?? .null
        }
        return json
    }
}
