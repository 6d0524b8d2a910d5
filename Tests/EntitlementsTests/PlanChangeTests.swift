import App
import Audit
import Base
import Identity
import Modules
import TestKit
import Testing

@testable import Entitlements

@Suite struct PlanChangeTests {
    private static func document(uploads: Int64) -> JSONValue {
        [
            "name": "Free", "start": "anyone", "limits": ["uploads": .integer(uploads), "processing": 5], "file_mb": 10,
            "storage_mb": 512,
        ]
    }

    @Test(arguments: Engine.available)
    func `a running period keeps its terms, and the next one has the new terms`(engine: Engine) async throws {
        try await withQuotaFixture(engine) { quota in
            let administrator = try await quota.app.administrator()
            quota.app.clock.advance(by: .days(3))
            let changed = await quota.app.call(
                "PUT", "/v1/admin/plans/free", json: ["plan": Self.document(uploads: 7)], token: administrator.token)
            #expect(
                changed.status == 200 && changed["version"]?.integer == 2
                    && changed["origin"]?.string == "administrator", "\(changed)")
            #expect(try await quota.level() == [0, 0, 5])
            // A new subscription has the new terms.
            let newcomer = QuotaFixture(app: quota.app, person: try await quota.app.subscriber("free", "newcomer"))
            #expect(try await newcomer.level() == [0, 0, 7])
            #expect(await quota.app.call("GET", "/v1/plans")["plans"]?[0]?["limits"]?["uploads"]?.integer == 7)
            quota.app.clock.advance(by: .days(26))
            #expect(try await quota.level() == [0, 0, 7])
            #expect(
                try await quota.app.app.database.read {
                    try $0.count("SELECT COUNT(*) AS count FROM audit_events WHERE action = 'plan.changed'")
                } == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `a change that applies at once reaches running periods`(engine: Engine) async throws {
        try await withQuotaFixture(engine) { quota in
            let administrator = try await quota.app.administrator()
            quota.app.clock.advance(by: .seconds(1))
            let body: JSONValue = ["plan": Self.document(uploads: 9), "applies_at_once": true]
            #expect(
                await quota.app.call("PUT", "/v1/admin/plans/free", json: body, token: administrator.token).status
                    == 200
            )
            #expect(try await quota.level() == [0, 0, 9])
        }
    }

    @Test(arguments: Engine.available)
    func `of two changes based on one version, the second is a conflict`(engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let administrator = try await app.administrator()
            let path = "/v1/admin/plans/gold"
            let created = await app.call(
                "PUT", path, json: ["plan": Self.document(uploads: 1), "version": 0], token: administrator.token)
            #expect(created.status == 200 && created["version"]?.integer == 1)
            let first = await app.call(
                "PUT", path, json: ["plan": Self.document(uploads: 2), "version": 1], token: administrator.token)
            #expect(first.status == 200)
            let second = await app.call(
                "PUT", path, json: ["plan": Self.document(uploads: 3), "version": 1], token: administrator.token)
            #expect(second.status == 409 && second.code == "conflict")
            let history = await app.call("GET", path, token: administrator.token)
            #expect(history["versions"]?.array?.map { $0["plan"]?["limits"]?["uploads"]?.integer } == [2, 1])
            #expect(history["versions"]?[0]?["created_by"]?.string == administrator.id.text)
            // A plan that an administrator created is listed after those of the file.
            #expect(await app.call("GET", "/v1/plans")["plans"]?.array?.last?["id"]?.string == "gold")
        }
    }

    @Test(arguments: Engine.available)
    func `an invalid plan is refused with all errors, and nothing is written`(engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let administrator = try await app.administrator()
            let before = try await app.app.database.read { try $0.count("SELECT COUNT(*) AS count FROM plan_versions") }
            let invalid: JSONValue = [
                "plan": [
                    "name": "", "limits": ["dreams": 1, "uploads": -2], "file_mb": 1, "storage_mb": 1,
                    "prices": [["cycle": "monthly"]],
                ]
            ]
            let refused = await app.call("PUT", "/v1/admin/plans/free", json: invalid, token: administrator.token)
            #expect(refused.status == 422)
            let pointers = Set(refused["errors"]?.array?.compactMap { $0["pointer"]?.string } ?? [])
            #expect(
                pointers == ["/plan/name", "/plan/limits/uploads", "/plan/prices/0/amount", "/plan/prices/0/currency"])
            let unknown: JSONValue = [
                "plan": [
                    "name": "A", "start": "payment", "features": ["flying"], "limits": ["dreams/night~": 1],
                    "file_mb": 1, "storage_mb": 1,
                    "trial": ["days": 3],
                ]
            ]
            let response = await app.call("PUT", "/v1/admin/plans/free", json: unknown, token: administrator.token)
            let paths = response["errors"]?.array?.compactMap { $0["pointer"]?.string } ?? []
            #expect(
                response.status == 422
                    && paths == ["/plan/features/0", "/plan/limits/dreams~1night~0", "/plan/prices", "/plan/trial"],
                "\(response)")
            let impossible: JSONValue = [
                "plan": [
                    "name": "A", "rates": ["default": ["0/hour"], "fly": ["1/day"]], "file_mb": 1, "storage_mb": 1,
                ]
            ]
            let rates = await app.call("PUT", "/v1/admin/plans/free", json: impossible, token: administrator.token)
            #expect(
                rates.status == 422
                    && rates["errors"]?.array?.compactMap { $0["pointer"]?.string } == [
                        "/plan/rates/default/0", "/plan/rates/fly",
                    ], "\(rates)")
            #expect(
                await app.call(
                    "PUT", "/v1/admin/plans/Not%20One", json: ["plan": Self.document(uploads: 1)],
                    token: administrator.token
                ).status == 422)
            #expect(
                await app.call("GET", "/v1/admin/plans/silver", token: administrator.token).code == "plan-not-found")
            let member = try await app.register()
            #expect(
                await app.call(
                    "PUT", "/v1/admin/plans/free", json: ["plan": Self.document(uploads: 99)], token: member.token
                ).code == "insufficient-role")
            #expect(
                try await app.app.database.read { try $0.count("SELECT COUNT(*) AS count FROM plan_versions") }
                    == before)
        }
    }

    @Test(arguments: Engine.available)
    func `another node reads a change at its next refresh, and a changed file is a new version`(engine: Engine)
        async throws
    {
        try await withTestApp(engine) { app in
            let database = app.app.database
            let logger = app.app.logger
            let offers = Offers(
                meters: [.uploads, .processing, .trainingRuns], features: [Feature("training", title: "Training")],
                rateClasses: [RateClass("intents"), RateClass("assistant")])
            let same = try PlanSet(yaml: PlanSet.builtIn, offers: offers)
            func node(_ file: PlanSet) async throws -> PlanCatalog {
                try await PlanCatalog(
                    database: database, file: file, offers: offers, audit: app.app.audit.service,
                    logger: logger)
            }
            let other = try await node(same)
            #expect(other.versions(of: Plan.ID("free")).count == 1)
            let administrator = try await app.administrator()
            _ = await app.call(
                "PUT", "/v1/admin/plans/free", json: ["plan": Self.document(uploads: 6)], token: administrator.token)
            #expect(other.current[Plan.ID("free")]?.limits["uploads"] == .upTo(5))
            try await other.synchronize()
            #expect(other.current[Plan.ID("free")]?.limits["uploads"] == .upTo(6))
            // An unchanged file changes nothing at the next start: the administrator's version stays.
            #expect(try await node(same).current[Plan.ID("free")]?.limits["uploads"] == .upTo(6))
            let edited = try PlanSet(
                yaml: PlanSet.builtIn.replacing(
                    "limits: { uploads: 5, processing: 5, training_runs: 0 }", with: "limits: { uploads: 8 }"),
                offers: offers)
            #expect(try await node(edited).current[Plan.ID("free")]?.limits["uploads"] == .upTo(8))
        }
    }
}
