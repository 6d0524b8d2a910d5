import App
import Base
import Modules
import TestKit
import Testing

@testable import Entitlements

@Suite struct ExplanationTests {
    private func explain(_ till: QuotaFixture, _ route: String, headers: [String: String]? = nil) async -> TestResponse
    {
        let path = "/v1/entitlements/explain?route=\(route.replacing(" ", with: "%20"))"
        if let headers { return await till.app.call("GET", path, headers: headers) }
        return await till.app.call("GET", path, token: till.person.token)
    }

    /// What every requirement of a door says, in order: nil where it is met.
    private func verdicts(_ response: TestResponse) -> [String: String?] {
        let pairs = (response["requirements"]?.array ?? []).map {
            ($0["requirement"]?.string ?? "", $0["problem"]?["code"]?.string)
        }
        return Dictionary(pairs) { first, _ in first }
    }

    @Test(arguments: Engine.available)
    func `a door is explained requirement by requirement, as the caller stands`(engine: Engine) async throws {
        try await withTill(engine) { till in
            let door = "POST /v1/training/generate-datasets/session_1"
            let open = await explain(till, door)
            #expect(open.status == 200 && open["allowed"] == true && open["refusal"] == nil, "\(open)")
            #expect(open["route"] == "POST /v1/training/generate-datasets/{session}")
            let names = try #require(open["requirements"]?.array?.map { $0["requirement"]?.string })
            #expect(names.first == "member|key:training" && names.last == "quota:processing", "\(names)")
            #expect(open["requirements"]?.array?.allSatisfy { $0["met"] == true } == true)

            try await till.spend(try await till.charge(.processing, units: 5), "test:all")
            let spent = await explain(till, door)
            let refused = await till.app.call(
                "POST", "/v1/training/generate-datasets/session_1", json: [:], token: till.person.token)
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
    func `all that would refuse is named, the first of it as the answer`(engine: Engine) async throws {
        try await withTill(engine) { till in
            let training = await explain(till, "POST /v1/training/train-models/session_1")
            let codes = (training["requirements"]?.array ?? []).compactMap { $0["problem"]?["code"]?.string }
            #expect(codes == ["feature-not-available", "quota-exceeded"], "\(training)")
            #expect(training["refusal"]?["code"] == "feature-not-available")

            let key = try await till.key("entitlements.check")
            let closed = await explain(till, "POST /v1/training/train-models/session_1", headers: key)
            #expect(closed["refusal"]?["code"] == "insufficient-scope", "\(closed)")
            let stranger = QuotaFixture(app: till.app, person: try await till.app.register("stranger"))
            #expect(await explain(stranger, "GET /v1/usage")["refusal"]?["code"] == "no-active-subscription")
            #expect(await explain(stranger, "GET /health")["allowed"] == true)
        }
    }

    @Test(arguments: Engine.available)
    func `an explanation takes nothing and turns nobody away`(engine: Engine) async throws {
        try await withTill(engine) { till in
            let administrative = await explain(till, "GET /v1/payments/subscriptions")
            #expect(administrative["refusal"]?["code"] == "insufficient-role", "\(administrative)")
            let noted = try await till.auditCount("access.refused")
            #expect(noted == 0)
            for _ in 0..<3 { _ = await explain(till, "POST /v1/training/generate-datasets/session_1") }
            #expect(try await till.level(.processing) == [0, 0, 5])
            #expect(try await till.count("reservations") == 0)
            // The door itself does note it.
            _ = await till.get("/v1/payments/subscriptions")
            #expect(try await till.auditCount("access.refused") == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `rates are told as they stand, and asking takes nothing of them`(engine: Engine) async throws {
        try await withTestApp(engine, change: { $0.limitsRates = true }) { app in
            let till = QuotaFixture(app: app, person: try await app.subscriber("free"))
            let door = "POST /v1/entitlements/check"
            func rate(_ response: TestResponse, _ requirement: String) -> JSONValue? {
                response["requirements"]?.array?.first { $0["requirement"]?.string == requirement }
            }
            for _ in 0..<3 {
                let told = try #require(rate(await explain(till, door), "rate:plan-checks"))
                #expect(told["met"] == true && told["required"] == true)
                let own: JSONValue = [
                    "name": "plan-checks", "limit": 600, "window_seconds": 60, "remaining": 600, "reset_seconds": 0,
                ]
                #expect(told["rates"]?.array == [own], "\(told)")
            }
            let taken = await till.app.call(
                "POST", "/v1/entitlements/check", json: ["meter": "uploads"], token: till.person.token)
            #expect(
                taken.status == 200 && taken.headers["ratelimit"]?.hasPrefix(#""plan-checks";r=599;"#) == true,
                "\(taken.headers)")
            let after = await explain(till, door)
            #expect(rate(after, "rate:plan-checks")?["rates"]?[0]?["remaining"] == 599, "\(after)")
            // Of calls without a credential this one is none.
            #expect(rate(after, "rate:visitors") == nil)
            // A door that is open to all is limited by network, whoever comes.
            let login = await explain(till, "POST /v1/auth/login")
            #expect(rate(login, "rate:authentication")?["rates"]?[0]?["remaining"] != nil, "\(login)")

            // Two rates hold for everything else; the question itself takes one of each, like the call that comes after it.
            let usual = rate(await explain(till, "GET /v1/auth/profile"), "rate:plan-default")
            let names = usual?["rates"]?.array?.compactMap { $0["name"]?.string }
            #expect(names == ["plan-default-minute", "plan-default-hour"], "\(String(describing: usual))")

            // Where nothing is left, that is the refusal.
            var calls = 0
            while await till.app.call(
                "POST", "/v1/entitlements/check", json: ["meter": "uploads"], token: till.person.token
            ).status == 200 { calls += 1 }
            #expect(calls == 599)
            let spent = await explain(till, door)
            #expect(
                spent["allowed"] == false && spent["refusal"]?["code"] == "rate-limited"
                    && spent["refusal"]?["status"] == 429, "\(spent)")
            #expect(rate(spent, "rate:plan-checks")?["rates"]?[0]?["remaining"] == 0)
            till.app.clock.advance(by: .minutes(1))
            #expect(await explain(till, door)["allowed"] == true)
        }
    }

    @Test(arguments: Engine.available)
    func `roles and rights are told, and a right that is missing refuses nobody`(engine: Engine) async throws {
        try await withTill(engine) { till in
            let backfill = "right:usage.backfill"
            func requirement(_ response: TestResponse, _ name: String) -> JSONValue? {
                response["requirements"]?.array?.first { $0["requirement"]?.string == name }
            }
            let owner = await explain(till, "POST /v1/usage/events")
            #expect(
                owner["role"] == "user" && requirement(owner, backfill)?["met"] == true
                    && requirement(owner, backfill)?["required"] == false, "\(owner)")
            let key = await explain(
                till, "POST /v1/usage/events", headers: try await till.key("entitlements.check", "usage.write"))
            #expect(
                key["allowed"] == true && requirement(key, backfill)?["met"] == false
                    && requirement(key, backfill)?["problem"] == nil, "\(key)")
            let administrator = QuotaFixture(app: till.app, person: try await till.app.administrator())
            let allowed = await explain(administrator, "GET /v1/admin/plans/free")
            #expect(
                allowed["allowed"] == true && allowed["role"] == "admin"
                    && requirement(allowed, "role:admin")?["met"] == true, "\(allowed)")
            let refused = await explain(till, "GET /v1/admin/plans/free")
            #expect(refused["allowed"] == false && requirement(refused, "role:admin")?["met"] == false, "\(refused)")
        }
    }

    @Test(arguments: Engine.available)
    func `the door that explains explains itself`(engine: Engine) async throws {
        try await withTill(engine) { till in
            let own = await explain(till, "GET /v1/entitlements/explain")
            #expect(
                own.status == 200 && own["allowed"] == true && own["route"] == "GET /v1/entitlements/explain", "\(own)")
            #expect(own["requirements"]?.array?.map { $0["requirement"]?.string } == ["member|key:entitlements.check"])
            #expect(await explain(till, "POST /v1/entitlements/explain").status == 404)
        }
    }

    @Test func `what is no door is not explained`() async throws {
        try await withTill(.sqlite) { till in
            for route in ["GET /v1/nowhere", "DELETE /v1/usage", "BREW /v1/usage"] {
                #expect(await explain(till, route).status == 404, "\(route)")
            }
            for route in ["", "GET", "/v1/usage", "GET usage", "GET /v1/usage now"] {
                #expect(await explain(till, route).status == 422, "\(route)")
            }
            #expect(
                await till.app.call("GET", "/v1/entitlements/explain?route=GET%20/v1/usage").code
                    == "missing-authorization")
        }
    }
}
