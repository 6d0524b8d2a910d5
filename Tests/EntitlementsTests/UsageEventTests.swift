import App
import Base
import HTTPTypes
import Identity
import Modules
import TestKit
import Testing

@testable import Entitlements

@Suite struct UsageEventTests {
    @Test(arguments: Engine.available)
    func `an event is counted once, a repeat is a duplicate, and another payload a conflict`(engine: Engine)
        async throws
    {
        try await withQuotaFixture(engine) { quota in
            let first = try await quota.report(event("a", 2))
            #expect(first.status == 201 && first["outcome"] == "accepted" && first["is_overrun"] == false, "\(first)")
            let again = try await quota.report(event("a", 2))
            #expect(again.status == 200 && again["outcome"] == "duplicate", "\(again)")
            #expect(again["period_start"] == first["period_start"])
            for other in [event("a", 3), event("a", 2, meter: "processing"), event("a", 2, at: quota.timestamp(.zero))]
            {
                let refused = try await quota.report(other)
                #expect(refused.status == 409 && refused.code == "usage-conflict", "\(refused)")
            }
            #expect(try await quota.level() == [2, 0, 3])
            #expect(try await quota.count("usage_entries") == 1)
            // The entry names the key; there is no audit event per report.
            let key = try await quota.serviceKeyID()
            #expect(try await quota.count("usage_entries WHERE service_key = \(key)") == 1)
            #expect(try await quota.auditCount("usage.reported") == 0)

            // Event ids are unique per organisation.
            let other = QuotaFixture(app: quota.app, person: try await quota.app.subscriber("free", "other"))
            #expect(try await other.report(event("a", 3)).status == 201)
            #expect(try await other.level() == [3, 0, 2])
            #expect(try await quota.level() == [2, 0, 3])
        }
    }

    @Test(arguments: Engine.available)
    func `a batch returns the outcome of each event, as an object or an array`(engine: Engine) async throws {
        try await withQuotaFixture(engine) { quota in
            let events: JSONValue = [
                event("a"), event("b", 2), event("a"), event("b", 1), event("c", meter: "storage"),
                event("d", at: quota.timestamp(.minutes(6))),
            ]
            let response = try await quota.report(["events": events])
            #expect(response.status == 207, "\(response)")
            #expect([response["accepted"], response["duplicates"], response["refused"]] == [2, 1, 3])
            let results = try #require(response["results"]?.array)
            #expect(results.map { $0["id"] } == ["a", "b", "a", "b", "c", "d"])
            #expect(
                results.map { $0["outcome"] } == [
                    "accepted", "accepted", "duplicate", "conflict", "refused", "refused",
                ])
            #expect(
                results.map { $0["code"] } == [nil, nil, nil, "usage-conflict", "unknown-meter", "usage-in-future"])
            #expect(try await quota.level() == [3, 0, 2])
            let repeated = try await quota.report([event("b", 2), event("a")])
            #expect(repeated.status == 200 && repeated["duplicates"] == 2, "\(repeated)")
            #expect(try await quota.report([]).json == ["accepted": 0, "duplicates": 0, "refused": 0, "results": []])
            #expect(try await quota.level() == [3, 0, 2])
        }
    }

    @Test(arguments: Engine.available)
    func `ids of other bytes are other events, also where Unicode treats them as equivalent`(engine: Engine)
        async throws
    {
        try await withQuotaFixture(engine, plan: "pro") { quota in
            let (composed, decomposed) = ("caf\u{E9}", "cafe\u{301}")
            let first = try await quota.report([event(composed, 3), event(decomposed, 3)])
            #expect(first.status == 200 && first["accepted"] == 2, "\(first)")
            #expect(try await quota.level() == [6, 0, 194])
            let again = try await quota.report([event(decomposed, 3), event(composed, 3), event(decomposed, 4)])
            #expect(
                again["results"]?.array?.map { $0["outcome"] } == ["duplicate", "duplicate", "conflict"], "\(again)")
            let batch = try await quota.report(
                [cloudEvent(composed), cloudEvent(decomposed)], as: "application/cloudevents-batch+json")
            #expect(batch["accepted"] == 2, "\(batch)")
            #expect(try await quota.level() == [8, 0, 192])
        }
    }

    @Test(arguments: Engine.available)
    func `a report has at most a thousand events`(engine: Engine) async throws {
        try await withQuotaFixture(engine, plan: "enterprise") { quota in
            func events(_ count: Int) -> JSONValue {
                .array((0..<count).map { event("n\($0)", 1, meter: $0.isMultiple(of: 2) ? "uploads" : "workflows") })
            }
            let tooMany = try await quota.report(events(UsageReport.countMax + 1))
            #expect(tooMany.status == 422, "\(tooMany)")
            let entries = try await quota.count("usage_entries")
            #expect(entries == 0)
            let response = try await quota.report(events(UsageReport.countMax))
            #expect(
                response.status == 200 && response["accepted"] == .integer(Int64(UsageReport.countMax)), "\(response)")
            #expect(try await quota.level() == [500, 0, 499])
            #expect(try await quota.level(Meter("workflows", title: "")) == [500, 0, -1])
            #expect(
                try await quota.report(events(UsageReport.countMax))["duplicates"]
                    == .integer(Int64(UsageReport.countMax)))
            #expect(try await quota.level() == [500, 0, 499])
        }
    }

    @Test(arguments: Engine.available)
    func `CloudEvents are counted like any other, by source and id`(engine: Engine) async throws {
        try await withQuotaFixture(engine, plan: "pro") { quota in
            let structured = "application/cloudevents+json; charset=utf-8"
            let occurredAt = quota.app.clock.now - .hours(1)
            // The same time with an offset of two hours, in nanoseconds.
            let withOffset = (occurredAt + .hours(2)).description.dropLast() + ".123456789+02:00"
            let first = try await quota.report(
                cloudEvent(
                    "1", 4,
                    with: ["time": .string(String(withOffset)), "subject": "customer 7", "traceparent": "00-ab"]),
                as: structured)
            #expect(first.status == 201, "\(first)")
            let at: Instant? = try await quota.database.read {
                try $0.first("SELECT occurred_at FROM usage_entries") { try $0["occurred_at"] }
            }
            #expect(at == occurredAt + .microseconds(123_456))
            #expect(try await quota.report(cloudEvent("1", 4, source: "/another"), as: structured).status == 201)
            #expect(
                try await quota.report(cloudEvent("1", 5, source: "/another"), as: structured).code == "usage-conflict")
            // A native event with the same id is another event.
            #expect(try await quota.report(event("1")).status == 201)
            let batch = try await quota.report(
                [cloudEvent("1", source: "/b"), cloudEvent("2", source: "/b")], as: "application/cloudevents-batch+json"
            )
            #expect(batch.status == 200 && batch["accepted"] == 2, "\(batch)")
            #expect(try await quota.level() == [11, 0, 189])

            for (invalid, pointer) in [
                (cloudEvent("3", with: ["specversion": "0.3"]), "/specversion"),
                (cloudEvent("3", with: ["id": ""]), "/id"),
                (cloudEvent("3", source: "a b"), "/source"),
                (cloudEvent("3", with: ["time": "yesterday"]), "/time"),
                (cloudEvent("3", with: ["time": "2026-01-31T12:00:00+2:00"]), "/time"),
                (cloudEvent("3", with: ["datacontenttype": "application/xml"]), "/datacontenttype"),
                (cloudEvent("3", with: ["data": ["meter": "uploads"]]), "/data/amount"),
                (cloudEvent("3", 0), "/data/amount"),
            ] as [(JSONValue, String)] {
                let one = try await quota.report(invalid, as: structured)
                #expect(one.status == 422 && one["errors"]?[0]?["pointer"] == .string(pointer), "\(one)")
                let many = try await quota.report([cloudEvent("4"), invalid], as: "application/cloudevents-batch+json")
                #expect(many.status == 422 && many["errors"]?[0]?["pointer"] == .string("/1" + pointer), "\(many)")
            }
            for attribute in ["specversion", "id", "source", "type", "data"] {
                var incomplete = try #require(cloudEvent("3").object)
                incomplete[attribute] = nil
                #expect(try await quota.report(.object(incomplete), as: structured).status == 422, "\(attribute)")
            }
            #expect(try await quota.report(cloudEvent("3"), as: "application/xml").status == 415)
            let document = await quota.get("/openapi.json")
            let content = document["paths"]?["/v1/usage/events"]?["post"]?["requestBody"]?["content"]
            #expect(content?["application/cloudevents+json"]?["schema"] == ["$ref": "#/components/schemas/CloudEvent"])
            #expect(
                content?["application/cloudevents-batch+json"]?["schema"]?["maxItems"]
                    == .integer(Int64(UsageReport.countMax)))
            #expect(content?["application/json"]?["schema"]?["anyOf"]?.array?.count == 3)
            #expect(try await quota.level() == [11, 0, 189])
        }
    }

    @Test(arguments: Engine.available)
    func `an event in the future is refused, and an old one is a correction of an administrator`(engine: Engine)
        async throws
    {
        try await withQuotaFixture(engine, plan: "pro") { quota in
            let plain = try await quota.app.serviceKey(["usage:write"]).headers(in: quota.person.organisation)
            func report(_ event: JSONValue, _ headers: [String: String]) async -> TestResponse {
                await quota.app.call("POST", "/v1/usage/events", json: event, headers: headers)
            }
            #expect(await report(event("ahead", at: quota.timestamp(UsageService.skewMax)), plain).status == 201)
            let beyondSkew = UsageService.skewMax + .microseconds(1)
            let ahead = await report(event("further", at: quota.timestamp(beyondSkew)), plain)
            #expect(ahead.status == 422 && ahead.code == "usage-in-future", "\(ahead)")

            let old = event("old", at: quota.timestamp(.zero - UsageService.ageMax - .microseconds(1)))
            let tooOld = await report(old, plain)
            #expect(tooOld.status == 422 && tooOld.code == "usage-too-old", "\(tooOld)")
            let edge = event("edge", at: quota.timestamp(.zero - UsageService.ageMax))
            #expect(await report(edge, plain).status == 201)
            let administrator = try await quota.app.administrator()
            let scope = await quota.app.call(
                "POST", "/v1/admin/service-keys", json: ["name": "old usage", "scopes": ["usage:backfill"]],
                token: administrator.token)
            #expect(scope.status == 422, "\(scope)")
            let correction = await quota.app.call(
                "POST", "/v1/admin/usage/\(quota.person.organisation)/corrections",
                json: ["meter": "uploads", "units": 1, "reason": "usage of two months ago"],
                token: administrator.token, headers: ["Idempotency-Key": "old usage"])
            #expect(correction.status == 201, "\(correction)")
            #expect(try await quota.level() == [3, 0, 197])
        }
    }

    @Test(arguments: Engine.available)
    func `a late event counts in its period until the end of the grace period, then adjusts the current period`(
        engine: Engine
    ) async throws {
        try await withQuotaFixture(engine) { quota in
            let first = try await quota.snapshot().period
            // The last microsecond of the grace period of the first period.
            quota.app.clock.advance(by: first.end - quota.app.clock.now + UsageService.grace - .microseconds(1))
            let inGrace = try await quota.report(event("late", 2, at: (first.end - .hours(2)).description))
            #expect(
                inGrace["period_start"] == .string(first.start.description) && inGrace["adjusts_period_start"] == nil,
                "\(inGrace)")
            #expect(try await quota.level() == [0, 0, 5])
            quota.app.clock.advance(by: .microseconds(1))
            let tooLate = try await quota.report(event("later", 3, at: (first.end - .hours(1)).description))
            #expect(tooLate.status == 201, "\(tooLate)")
            #expect(
                tooLate["period_start"] == .string(first.end.description)
                    && tooLate["adjusts_period_start"] == .string(first.start.description))
            #expect(try await quota.level() == [3, 0, 2])
            let used = try await quota.database.read { [organisation = quota.organisation] in
                try $0.level(of: Bucket(organisation: organisation, meter: "uploads", periodStart: first.start)).used
            }
            #expect(used == 2)
            // A repeat returns the first outcome.
            let again = try await quota.report(event("later", 3, at: (first.end - .hours(1)).description))
            #expect(
                again["outcome"] == "duplicate" && again["adjusts_period_start"] == .string(first.start.description))
            #expect(try await quota.count("usage_events WHERE adjusts_start IS NOT NULL") == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `usage beyond the limit is recorded as an overrun, and further units are refused`(engine: Engine)
        async throws
    {
        try await withQuotaFixture(engine) { quota in
            try await quota.reserve(try await quota.charge(units: 2))
            let response = try await quota.report([
                event("fits", 3), event("over", 2), event("none", 1, meter: "training_runs"),
            ])
            #expect(response.status == 200, "\(response)")
            #expect(response["results"]?.array?.map { $0["is_overrun"] } == [false, true, true])
            #expect(try await quota.level() == [5, 2, 0])
            #expect(try await quota.level(.trainingRuns) == [1, 0, 0])
            await expectProblem(.quotaExceeded) { _ = try await quota.charge() }
        }
    }

    @Test(arguments: Engine.available)
    func `events need a current or an ended subscription`(engine: Engine)
        async throws
    {
        try await withTestApp(engine) { app in
            let unsubscribed = QuotaFixture(app: app, person: try await app.register())
            #expect(try await unsubscribed.report(event("a")).code == "no-active-subscription")
            let quota = QuotaFixture(app: app, person: try await app.subscriber("free"))
            #expect(
                await app.call(
                    "POST", "/v1/payments/cancel-subscription", json: ["immediate": true], token: quota.person.token
                ).status == 200)
            let response = try await quota.report(event("a"))
            #expect(response.status == 201 && response["is_overrun"] == true, "\(response)")
            try await quota.requireInvariants()
        }
    }

    @Test(arguments: Engine.available)
    func `sessions and API keys of the organisation cannot report usage`(engine: Engine) async throws {
        try await withQuotaFixture(engine) { quota in
            for headers in [
                ["Authorization": "Bearer \(quota.person.token)"], try await quota.key("*"),
                try await quota.key("entitlements.check"),
            ] {
                let refused = await quota.app.call("POST", "/v1/usage/events", json: event("a"), headers: headers)
                #expect(
                    refused.status == 403 && refused.code == "insufficient-scope" && refused["scope"] == "usage:write",
                    "\(refused)")
            }
            #expect(await quota.app.call("POST", "/v1/usage/events", json: event("a")).code == "missing-authorization")
            #expect(try await quota.count("usage_entries") == 0)
            // The refusals are audited once a minute.
            #expect(try await quota.auditCount("access.refused") == 1)
            let other = QuotaFixture(app: quota.app, person: try await quota.app.subscriber("free", "other"))
            #expect(try await quota.report(event("a")).status == 201)
            #expect(try await quota.level() == [1, 0, 4])
            #expect(try await other.level() == [0, 0, 5])
        }
    }

    @Test(arguments: Engine.available)
    func `of eight concurrent identical reports one is counted`(engine: Engine) async throws {
        try await withTestApp(engine, change: { $0.poolSize = 8 }) { app in
            let quota = QuotaFixture(app: app, person: try await app.subscriber("pro"))
            let events = (0..<20).map { event("race \($0)") }
            let responses = try await withThrowingTaskGroup(of: TestResponse.self) { group in
                // Each in a different order: the transactions must not deadlock.
                for turn in 0..<8 {
                    group.addTask { try await quota.report(.array(Array(events[turn...] + events[..<turn]))) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(responses.allSatisfy { $0.status == 200 }, "\(responses)")
            #expect(responses.reduce(0) { $0 + ($1["accepted"]?.integer ?? 0) } == 20)
            #expect(try await quota.level() == [20, 0, 180])
            try await quota.requireInvariants()
        }
    }

    @Test(arguments: Engine.available)
    func `a report is atomic at every failing statement, and counted once when repeated`(engine: Engine) async throws {
        try await withQuotaFixture(engine) { quota in
            let scope = try await quota.serviceScope()
            let events =
                [("a", "uploads", 2), ("b", "uploads", 2), ("c", "processing", 1)] as [(String, String, Int64)]
            let report = UsageReport(events.map { ReportedUsage(UsageEvent(id: $0, meter: $1, amount: $2)) })
            let plain = quota.entitlements.usage
            let count = try await withEachStatementFailing(on: quota.database) { database in
                let usage = UsageService(
                    database: database, plans: plain.plans, meters: plain.meters, alerts: plain.alerts)
                _ = try await usage.record(report, scope: scope)
            } check: { _ in
                try await quota.requireInvariants()
            }
            #expect(count >= 8)
            #expect(try await quota.level() == [4, 0, 1])
            // The alert at 80 % is sent once, in the same transaction.
            #expect(try await quota.count("usage_alerts") == 1)
            #expect(try await quota.app.mail(to: quota.person.email).filter { $0.subject.contains("80 %") }.count == 1)
        }
    }
}

extension QuotaFixture {
    /// A service key of every organisation and meter, as the gate yields it.
    func serviceScope() async throws -> ServiceScope {
        let key = ServiceKey(
            id: ID(trusted: "service-key"), origin: ID(trusted: "service-key"), name: "for a test", prefix: "gh_svc_",
            scopes: ServiceKey.Scope.allCases, organisations: nil, meters: nil, createdAt: app.clock.now,
            expiresAt: nil, revokedAt: nil, lastUsedAt: nil, successor: nil)
        // The key is read again in the transaction of its work.
        try await database.write { transaction in
            try transaction.execute(
                """
                INSERT INTO service_keys (id, origin_id, name, prefix, scopes, secret_hash, created_at)
                VALUES (\(key.id), \(key.origin), \(key.name), \(key.prefix), 'usage:write', 'none', \(transaction.now))
                ON CONFLICT DO NOTHING
                """
            )
        }
        return ServiceScope(key: key, organisation: organisation)
    }
}
