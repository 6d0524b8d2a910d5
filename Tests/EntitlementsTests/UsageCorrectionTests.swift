import App
import Base
import Modules
import TestKit
import Testing

@testable import Entitlements

@Suite struct UsageCorrectionTests {
    private func correct(
        _ quota: QuotaFixture, _ administrator: TestPerson, _ units: Int64, key: String? = "one",
        _ more: [String: JSONValue] = [:]
    ) async -> TestResponse {
        let body: [String: JSONValue] = [
            "meter": "uploads", "units": .integer(units), "reason": "reported twice",
        ]
        return await quota.app.call(
            "POST", "/v1/admin/usage/\(quota.organisation)/corrections", json: .object(body.merging(more) { $1 }),
            token: administrator.token, headers: key.map { ["Idempotency-Key": $0] } ?? [:])
    }

    @Test(arguments: Engine.available)
    func `a correction is an entry of its own, counted once and audited`(engine: Engine) async throws {
        try await withQuotaFixture(engine) { quota in
            let administrator = try await quota.app.administrator()
            #expect(try await quota.report(event("mistake", 1_000_000)).status == 201)
            await expectProblem(.quotaExceeded) { _ = try await quota.charge() }
            let corrected = await correct(quota, administrator, -999_998)
            #expect(corrected.status == 201 && corrected["units"] == -999_998, "\(corrected)")
            #expect(try await quota.level() == [2, 0, 3])
            // A repeat changes nothing, and another correction under the same key is a conflict.
            #expect(await correct(quota, administrator, -999_998).json == corrected.json)
            #expect(await correct(quota, administrator, -1).code == "operation-conflict")
            #expect(try await quota.level() == [2, 0, 3])
            #expect(try await quota.auditCount("usage.corrected") == 1)
            #expect(try await quota.count("usage_entries") == 2)
            let added = await correct(quota, administrator, 2, key: "two")
            #expect(added.status == 201, "\(added)")
            #expect(try await quota.level() == [4, 0, 1])
            let lines = await quota.get("/v1/usage/export.csv").text.split(separator: "\r\n")
            #expect(lines.contains { $0.contains(",uploads,-999998,correction,") && $0.hasSuffix("reported twice") })
            #expect(await quota.get("/v1/usage/series?meter=uploads")["total"] == 4)
        }
    }

    @Test(arguments: Engine.available)
    func `what was not used cannot be subtracted, and customers correct nothing`(engine: Engine) async throws {
        try await withQuotaFixture(engine) { quota in
            let administrator = try await quota.app.administrator()
            try await quota.spend(try await quota.charge(units: 3), "test:three")
            let tooMuch = await correct(quota, administrator, -4)
            #expect(
                tooMuch.status == 409 && tooMuch.code == "usage-not-available" && tooMuch["current_usage"] == 3,
                "\(tooMuch)")
            #expect(await correct(quota, administrator, 0).status == 422)
            #expect(await correct(quota, administrator, 1, key: nil).code == "invalid-request")
            #expect(await correct(quota, administrator, 1, ["meter": "dreams"]).code == "unknown-meter")
            #expect(await correct(quota, administrator, 1, ["reason": ""]).status == 422)
            #expect(await correct(quota, quota.person, -3).code == "insufficient-role")
            let unsubscribed = QuotaFixture(app: quota.app, person: try await quota.app.register("unsubscribed"))
            #expect(await correct(unsubscribed, administrator, 1).status == 404)
            #expect(try await quota.level() == [3, 0, 2])
            #expect(try await quota.auditCount("usage.corrected") == 0)
            #expect(try await quota.count("usage_events") == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `a correction is atomic at every failing statement, and counted once when repeated`(engine: Engine)
        async throws
    {
        let faults = UnavailableDatabase.Switch()
        try await withTestApp(engine, databaseWrapper: faults.wrap) { app in
            let administrator = try await app.administrator()
            let quota = QuotaFixture(app: app, person: try await app.subscriber("free"))
            try await quota.spend(try await quota.charge(units: 4), "test:four")
            var status = 0
            let count = try await faults.failEachStatement { _ in
                status = await correct(quota, administrator, -3).status
            } check: { _ in
                try await quota.requireInvariants()
                // The correction and its audit event are committed together or not at all.
                let audited = try await quota.auditCount("usage.corrected")
                #expect(audited == (status == 201 ? 1 : 0))
            }
            #expect(count >= 5 && status == 201)
            #expect(try await quota.level() == [1, 0, 4])
        }
    }
}
