import App
import Base
import Modules
import TestKit
import Testing

@testable import Entitlements

@Suite struct ExplanationTests {
    private func explain(_ quota: QuotaFixture, _ route: String, headers: [String: String]? = nil) async -> TestResponse
    {
        let path = "/v1/entitlements/explain?route=\(route.replacing(" ", with: "%20"))"
        if let headers { return await quota.app.call("GET", path, headers: headers) }
        return await quota.app.call("GET", path, token: quota.person.token)
    }

    /// The problem code of each requirement of a route: nil where it is met.
    private func verdicts(_ response: TestResponse) -> [String: String?] {
        let pairs = (response["requirements"]?.array ?? []).map {
            ($0["requirement"]?.string ?? "", $0["problem"]?["code"]?.string)
        }
        return Dictionary(pairs) { first, _ in first }
    }

    @Test(arguments: Engine.available)
    func `a route is explained requirement by requirement for the current account`(engine: Engine) async throws {
        try await withQuotaFixture(engine) { quota in
            let route = "POST /v1/training/generate-datasets/session_1"
            let open = await explain(quota, route)
            #expect(open.status == 200 && open["allowed"] == true && open["refusal"] == nil, "\(open)")
            #expect(open["route"] == "POST /v1/training/generate-datasets/{session}")
            let names = try #require(open["requirements"]?.array?.map { $0["requirement"]?.string })
            #expect(names.first == "member|key:training" && names.last == "quota:processing", "\(names)")
            #expect(open["requirements"]?.array?.allSatisfy { $0["met"] == true } == true)

            try await quota.spend(try await quota.charge(.processing, units: 5), "test:all")
            let spent = await explain(quota, route)
            let refused = await quota.app.call(
                "POST", "/v1/training/generate-datasets/session_1", json: [:], token: quota.person.token)
            #expect(spent["allowed"] == false && refused.code == "quota-exceeded", "\(spent)")
            #expect(spent["refusal"]?["code"] == refused["code"] && spent["refusal"]?["title"] == refused["title"])
            #expect(
                spent["refusal"]?["status"] == refused["status"] && spent["refusal"]?["detail"] == refused["detail"])
            for member in ["plan", "limit", "current_usage", "resets_at"] {
                #expect(spent["refusal"]?["members"]?[member] == refused[member], "\(member)")
            }
            #expect(
                verdicts(spent) == [
                    "member|key:training": nil, "subscription": nil, "quota:processing": "quota-exceeded",
                ], "\(spent)")
        }
    }

    @Test(arguments: Engine.available)
    func `all unmet requirements are listed, and the first one is the refusal`(engine: Engine) async throws {
        try await withQuotaFixture(engine) { quota in
            let training = await explain(quota, "POST /v1/training/train-models/session_1")
            let codes = (training["requirements"]?.array ?? []).compactMap { $0["problem"]?["code"]?.string }
            #expect(codes == ["feature-not-available", "quota-exceeded"], "\(training)")
            #expect(training["refusal"]?["code"] == "feature-not-available")

            let key = try await quota.key("entitlements.check")
            let refused = await explain(quota, "POST /v1/training/train-models/session_1", headers: key)
            #expect(refused["refusal"]?["code"] == "insufficient-scope", "\(refused)")
            let unsubscribed = QuotaFixture(app: quota.app, person: try await quota.app.register("unsubscribed"))
            #expect(await explain(unsubscribed, "GET /v1/usage")["refusal"]?["code"] == "no-active-subscription")
            #expect(await explain(unsubscribed, "GET /health")["allowed"] == true)
        }
    }

    @Test(arguments: Engine.available)
    func `an explanation takes no units and writes no audit event`(engine: Engine) async throws {
        try await withQuotaFixture(engine) { quota in
            let administrative = await explain(quota, "GET /v1/payments/subscriptions")
            #expect(administrative["refusal"]?["code"] == "insufficient-role", "\(administrative)")
            let audited = try await quota.auditCount("access.refused")
            #expect(audited == 0)
            for _ in 0..<3 { _ = await explain(quota, "POST /v1/training/generate-datasets/session_1") }
            #expect(try await quota.level(.processing) == [0, 0, 5])
            #expect(try await quota.count("reservations") == 0)
            // The route itself writes an audit event.
            _ = await quota.get("/v1/payments/subscriptions")
            #expect(try await quota.auditCount("access.refused") == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `the state of the rates is included, and an explanation takes no units`(engine: Engine) async throws {
        try await withTestApp(engine, change: { $0.limitsRates = true }) { app in
            let quota = QuotaFixture(app: app, person: try await app.subscriber("free"))
            let route = "POST /v1/entitlements/check"
            func rate(_ response: TestResponse, _ requirement: String) -> JSONValue? {
                response["requirements"]?.array?.first { $0["requirement"]?.string == requirement }
            }
            for _ in 0..<3 {
                let explained = try #require(rate(await explain(quota, route), "rate:plan-checks"))
                #expect(explained["met"] == true && explained["required"] == true)
                let own: JSONValue = [
                    "name": "plan-checks", "limit": 600, "window_seconds": 60, "remaining": 600, "reset_seconds": 0,
                ]
                #expect(explained["rates"]?.array == [own], "\(explained)")
            }
            let taken = await quota.app.call(
                "POST", "/v1/entitlements/check", json: ["meter": "uploads"], token: quota.person.token)
            #expect(
                taken.status == 200 && taken.headers["ratelimit"]?.hasPrefix(#""plan-checks";r=599;"#) == true,
                "\(taken.headers)")
            let after = await explain(quota, route)
            #expect(rate(after, "rate:plan-checks")?["rates"]?[0]?["remaining"] == 599, "\(after)")
            // The rate of requests without a credential does not apply to this request.
            #expect(rate(after, "rate:visitors") == nil)
            // A public route is limited by network for every request.
            let login = await explain(quota, "POST /v1/auth/login")
            #expect(rate(login, "rate:authentication")?["rates"]?[0]?["remaining"] != nil, "\(login)")

            // Two rates apply to all other routes; the explanation itself takes one unit of each, as a later request
            // does.
            let usual = rate(await explain(quota, "GET /v1/auth/profile"), "rate:plan-default")
            let names = usual?["rates"]?.array?.compactMap { $0["name"]?.string }
            #expect(names == ["plan-default-minute", "plan-default-hour"], "\(String(describing: usual))")

            // An exhausted rate is the refusal.
            var calls = 0
            while await quota.app.call(
                "POST", "/v1/entitlements/check", json: ["meter": "uploads"], token: quota.person.token
            ).status == 200 { calls += 1 }
            #expect(calls == 599)
            let spent = await explain(quota, route)
            #expect(
                spent["allowed"] == false && spent["refusal"]?["code"] == "rate-limited"
                    && spent["refusal"]?["status"] == 429, "\(spent)")
            #expect(rate(spent, "rate:plan-checks")?["rates"]?[0]?["remaining"] == 0)
            quota.app.clock.advance(by: .minutes(1))
            #expect(await explain(quota, route)["allowed"] == true)
        }
    }

    @Test(arguments: Engine.available)
    func `roles and rights are included, and a missing right does not refuse the request`(engine: Engine) async throws {
        try await withQuotaFixture(engine) { quota in
            func requirement(_ response: TestResponse, _ name: String) -> JSONValue? {
                response["requirements"]?.array?.first { $0["requirement"]?.string == name }
            }
            // Usage is reported with service keys, so that sessions and API keys do not meet the gate.
            for headers in [nil, try await quota.key("entitlements.check")] as [[String: String]?] {
                let owner = await explain(quota, "POST /v1/usage/events", headers: headers)
                #expect(
                    owner["allowed"] == false && owner["refusal"]?["code"] == "insufficient-scope"
                        && requirement(owner, "service-key:usage:write")?["met"] == false, "\(owner)")
            }
            let administrator = QuotaFixture(app: quota.app, person: try await quota.app.administrator())
            for (caller, isOperator) in [(quota, false), (administrator, true)] {
                let ready = await explain(caller, "GET /ready")
                let found = requirement(ready, "operator")
                #expect(
                    ready["allowed"] == true && found?["met"] == .bool(isOperator) && found?["required"] == false
                        && found?["problem"] == nil, "\(ready)")
            }
            let allowed = await explain(administrator, "GET /v1/admin/plans/free")
            #expect(
                allowed["allowed"] == true && allowed["role"] == "admin"
                    && requirement(allowed, "role:admin")?["met"] == true, "\(allowed)")
            let refused = await explain(quota, "GET /v1/admin/plans/free")
            #expect(refused["allowed"] == false && requirement(refused, "role:admin")?["met"] == false, "\(refused)")
        }
    }

    @Test(arguments: Engine.available)
    func `the explanation route explains itself`(engine: Engine) async throws {
        try await withQuotaFixture(engine) { quota in
            let own = await explain(quota, "GET /v1/entitlements/explain")
            #expect(
                own.status == 200 && own["allowed"] == true && own["route"] == "GET /v1/entitlements/explain", "\(own)")
            #expect(own["requirements"]?.array?.map { $0["requirement"]?.string } == ["member|key:entitlements.check"])
            #expect(await explain(quota, "POST /v1/entitlements/explain").status == 404)
        }
    }

    @Test func `an unknown route is 404, a malformed one 422`() async throws {
        try await withQuotaFixture(.sqlite) { quota in
            for route in ["GET /v1/nowhere", "DELETE /v1/usage", "BREW /v1/usage"] {
                #expect(await explain(quota, route).status == 404, "\(route)")
            }
            for route in ["", "GET", "/v1/usage", "GET usage", "GET /v1/usage now"] {
                #expect(await explain(quota, route).status == 422, "\(route)")
            }
            #expect(
                await quota.app.call("GET", "/v1/entitlements/explain?route=GET%20/v1/usage").code
                    == "missing-authorization")
        }
    }
}
