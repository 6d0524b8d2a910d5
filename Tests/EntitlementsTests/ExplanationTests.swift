import App
import Base
import Modules
import TestKit
import Testing

@testable import Entitlements

@Suite struct ExplanationTests {
    private func explain(_ till: Till, _ route: String, headers: [String: String]? = nil) async -> TestReply {
        let path = "/v1/entitlements/explain?route=\(route.replacing(" ", with: "%20"))"
        if let headers { return await till.app.call("GET", path, headers: headers) }
        return await till.app.call("GET", path, token: till.person.token)
    }

    /// What every requirement of a door says, in order: nil where it is met.
    private func verdicts(_ reply: TestReply) -> [String: String?] {
        let pairs = (reply["requirements"]?.array ?? []).map { ($0["requirement"]?.string ?? "", $0["problem"]?["code"]?.string) }
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
            let refused = await till.app.call("POST", "/v1/training/generate-datasets/session_1", json: [:], token: till.person.token)
            #expect(spent["allowed"] == false && refused.code == "quota-exceeded", "\(spent)")
            #expect(spent["refusal"]?["code"] == refused["code"] && spent["refusal"]?["title"] == refused["title"])
            #expect(spent["refusal"]?["status"] == refused["status"] && spent["refusal"]?["detail"] == refused["detail"])
            for member in ["plan", "limit", "current_usage", "resets_at"] { #expect(spent["refusal"]?["members"]?[member] == refused[member], "\(member)") }
            #expect(verdicts(spent) == ["member|key:training": nil, "subscription": nil, "quota:processing": "quota-exceeded"], "\(spent)")
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
            let stranger = Till(app: till.app, person: try await till.app.register("stranger"))
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

    @Test func `what is no door is not explained`() async throws {
        try await withTill(.sqlite) { till in
            for route in ["GET /v1/nowhere", "DELETE /v1/usage", "BREW /v1/usage"] { #expect(await explain(till, route).status == 404, "\(route)") }
            for route in ["", "GET", "/v1/usage", "GET usage", "GET /v1/usage now"] { #expect(await explain(till, route).status == 422, "\(route)") }
            #expect(await till.app.call("GET", "/v1/entitlements/explain?route=GET%20/v1/usage").code == "missing-authorization")
        }
    }
}
