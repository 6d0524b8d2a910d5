import App
import Base
import Entitlements
import HTTPTypes
import Identity
import Modules
import TestKit
import Testing

/// Every door, every caller: what a route declares is what happens.
@Suite struct EveryEndpointTests {
    @Test(arguments: Engine.available)
    func `every door answers every caller as its gate says, and never falls over`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let callers = try await Callers(app)
            let document = try JSONValue(parsing: await app.call("GET", "/openapi.json").bytes)
            for route in app.app.routes {
                let responses = document["paths"]?[route.path]?[route.method.rawValue.lowercased()]?["responses"]?
                    .object
                let documented = Set(responses?.keys.compactMap { Int($0) } ?? [200])
                for caller in callers.all {
                    let refusal = caller.refusal(at: route, catalogue: app.app.entitlements.catalogue)
                    for path in Self.addresses(of: route) {
                        let response = try await Self.knock(app, route, path, caller)
                        let door: Comment = "\(route.method) \(path) as \(caller.name): \(response)"
                        #expect(response.status < 500, door)
                        #expect(documented.contains(response.status), door)
                        if let refusal {
                            #expect(response.code == refusal, door)
                            #expect(
                                route.problems.contains { $0.code == refusal && $0.status == response.status }, door)
                        } else {
                            #expect(!Self.gateCodes.contains(response.code ?? ""), door)
                            Self.expectDocumented(response, route, door)
                        }
                    }
                }
            }
            // Nobody got anything for all this knocking, and nobody paid for it.
            // Whoever is signed in may have a copy of their data made; that, and mail, are the jobs that knocking leads to.
            for table: SQL in [
                "reservations", "usage_entries", "credit_holds",
                "jobs WHERE kind NOT IN ('mail.deliver', 'privacy.prepare-export')", "training_sessions",
            ] {
                #expect(try await app.app.database.read { try $0.count("SELECT COUNT(*) AS count FROM \(table)") } == 0)
            }
        }
    }

    @Test func `every door says first who may pass, and this list says which are open`() async throws {
        try await withTestApp(.sqlite) { app in
            #expect(app.app.routes.count > 40)
            for route in app.app.routes {
                let who = route.gate.first { $0.kind != .rate }?.kind
                #expect(
                    who == .public || who == .metricsToken || who == .member || who == .role || who == .organisationRole,
                    "\(route.method) \(route.path)")
            }
            #expect(
                app.app.routes.filter(\.isPublic).map { "\($0.method) \($0.path)" }.sorted() == [
                    "GET /", "GET /.well-known/jwks.json", "GET /docs", "GET /docs/style.css", "GET /health",
                    "GET /openapi.json", "GET /problems/{code}", "GET /ready",
                    "GET /v1/accept-invitation",
                    "GET /v1/keep-account", "GET /v1/payments/pricing", "GET /v1/plans", "GET /v1/reset-password",
                    "GET /v1/user/export/{token}", "GET /v1/verify-email", "POST /v1/auth/browser-session",
                    "POST /v1/auth/forgot-password", "POST /v1/auth/login", "POST /v1/auth/mfa/challenge",
                    "POST /v1/auth/refresh", "POST /v1/auth/register", "POST /v1/auth/resend-verification",
                    "POST /v1/auth/reset-password", "POST /v1/auth/signin", "POST /v1/auth/signup",
                    "POST /v1/auth/verify-email", "POST /v1/auth/verify-token", "POST /v1/user/erasure/cancellation",
                ]
            )
        }
    }

    /// What only the gate says.
    private static let gateCodes: Set<String> = [
        "missing-authorization", "authentication-failed", "token-expired", "insufficient-role", "insufficient-scope",
        "api-key-expired", "not-a-member",
        "no-active-subscription", "feature-not-available",
        "quota-exceeded", "subscription-required", "credits-exhausted",
    ]

    /// What passes the gate ends as the route says: a refusal of its list, or an answer of its list in the shape that is documented.
    private static func expectDocumented(_ response: TestResponse, _ route: Route, _ door: Comment) {
        if response.status >= 400 {
            #expect(route.problems.contains { $0.code == response.code && $0.status == response.status }, door)
        } else {
            let answers = route.answers.filter { $0.status == response.status }
            #expect(!answers.isEmpty, door)
            let faults = answers.compactMap(\.payload).map { payload in
                let reader = SchemaReader()
                return reader.schema(of: payload).faults(in: response.json, components: reader.components)
            }
            // One status may answer in several shapes: one of them it is.
            #expect(faults.isEmpty || faults.contains([]), door)
        }
    }

    /// The door's address with ids that nobody has: eight bytes of hexadecimal digits, and a UUID.
    private static func addresses(of route: Route) -> [String] {
        guard route.path.contains("{") else { return [route.path] }
        return ["00c0ffee00c0ffee", "00000000-0000-7000-8000-00000000dead"].map {
            route.path.replacing(/\{[^}]*\}/, with: $0)
        }
    }

    private static func knock(_ app: TestApp, _ route: Route, _ path: String, _ caller: Caller) async throws
        -> TestResponse
    {
        let credential = try await caller.credential(app)
        if let mediaType = route.gate.first(where: { $0.kind == .body })?.mediaType {
            return await app.call(
                route.method.rawValue, path, body: ("\(mediaType); boundary=x", Array("--x--\r\n".utf8)),
                headers: credential)
        }
        return await app.call(route.method.rawValue, path, json: route.input == nil ? nil : [:], headers: credential)
    }
}
