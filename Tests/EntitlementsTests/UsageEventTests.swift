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
    func `an event is counted once, told so again, and nothing else goes under its id`(engine: Engine) async throws {
        try await withTill(engine) { till in
            let first = await till.report(event("a", 2))
            #expect(first.status == 201 && first["outcome"] == "accepted" && first["is_overrun"] == false, "\(first)")
            let again = await till.report(event("a", 2))
            #expect(again.status == 200 && again["outcome"] == "duplicate", "\(again)")
            #expect(again["period_start"] == first["period_start"])
            for other in [event("a", 3), event("a", 2, meter: "processing"), event("a", 2, at: till.moment(.zero))] {
                let refused = await till.report(other)
                #expect(refused.status == 409 && refused.code == "usage-conflict", "\(refused)")
            }
            #expect(try await till.level() == [2, 0, 3])
            #expect(try await till.count("usage_entries") == 1)
            #expect(try await till.auditCount("usage.reported") == 1)

            // Another organisation's ids are its own.
            let other = QuotaFixture(app: till.app, person: try await till.app.subscriber("free", "other"))
            #expect(await other.report(event("a", 3)).status == 201)
            #expect(try await other.level() == [3, 0, 2])
            #expect(try await till.level() == [2, 0, 3])
        }
    }

    @Test(arguments: Engine.available)
    func `a batch tells the fate of each event, in whichever of its shapes`(engine: Engine) async throws {
        try await withTill(engine) { till in
            let events: JSONValue = [
                event("a"), event("b", 2), event("a"), event("b", 1), event("c", meter: "storage"),
                event("d", at: till.moment(.minutes(6))),
            ]
            let response = await till.report(["events": events])
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
            #expect(try await till.level() == [3, 0, 2])
            let repeated = await till.report([event("b", 2), event("a")])
            #expect(repeated.status == 200 && repeated["duplicates"] == 2, "\(repeated)")
            #expect(await till.report([]).json == ["accepted": 0, "duplicates": 0, "refused": 0, "results": []])
            #expect(try await till.level() == [3, 0, 2])
        }
    }

    @Test(arguments: Engine.available)
    func `a thousand events come in one report, and not one more`(engine: Engine) async throws {
        try await withTill(engine, plan: "enterprise") { till in
            func events(_ count: Int) -> JSONValue {
                .array((0..<count).map { event("n\($0)", 1, meter: $0.isMultiple(of: 2) ? "uploads" : "workflows") })
            }
            let tooMany = await till.report(events(UsageReport.countMax + 1))
            #expect(tooMany.status == 422, "\(tooMany)")
            let entries = try await till.count("usage_entries")
            #expect(entries == 0)
            let response = await till.report(events(UsageReport.countMax))
            #expect(
                response.status == 200 && response["accepted"] == .integer(Int64(UsageReport.countMax)), "\(response)")
            #expect(try await till.level() == [500, 0, 499])
            #expect(try await till.level(Meter("workflows", title: "")) == [500, 0, -1])
            #expect(
                await till.report(events(UsageReport.countMax))["duplicates"] == .integer(Int64(UsageReport.countMax)))
            #expect(try await till.level() == [500, 0, 499])
        }
    }

    @Test(arguments: Engine.available)
    func `CloudEvents are counted like any other, by source and id`(engine: Engine) async throws {
        try await withTill(engine, plan: "pro") { till in
            let structured = "application/cloudevents+json; charset=utf-8"
            let moment = till.app.clock.now - .hours(1)
            // The same moment as a clock two hours east of here writes it, to the nanosecond.
            let eastern = (moment + .hours(2)).description.dropLast() + ".123456789+02:00"
            let first = try await till.report(
                cloudEvent(
                    "1", 4, with: ["time": .string(String(eastern)), "subject": "customer 7", "traceparent": "00-ab"]),
                as: structured)
            #expect(first.status == 201, "\(first)")
            let at: Instant? = try await till.database.read {
                try $0.first("SELECT occurred_at FROM usage_entries") { try $0["occurred_at"] }
            }
            #expect(at == moment + .microseconds(123_456))
            #expect(try await till.report(cloudEvent("1", 4, source: "/another"), as: structured).status == 201)
            #expect(
                try await till.report(cloudEvent("1", 5, source: "/another"), as: structured).code == "usage-conflict")
            // An id of this system's own spelling is another one.
            #expect(await till.report(event("1")).status == 201)
            let batch = try await till.report(
                [cloudEvent("1", source: "/b"), cloudEvent("2", source: "/b")], as: "application/cloudevents-batch+json"
            )
            #expect(batch.status == 200 && batch["accepted"] == 2, "\(batch)")
            #expect(try await till.level() == [11, 0, 189])

            for (wrong, pointer) in [
                (cloudEvent("3", with: ["specversion": "0.3"]), "/specversion"),
                (cloudEvent("3", with: ["id": ""]), "/id"),
                (cloudEvent("3", source: "a b"), "/source"),
                (cloudEvent("3", with: ["time": "yesterday"]), "/time"),
                (cloudEvent("3", with: ["time": "2026-01-31T12:00:00+2:00"]), "/time"),
                (cloudEvent("3", with: ["datacontenttype": "application/xml"]), "/datacontenttype"),
                (cloudEvent("3", with: ["data": ["meter": "uploads"]]), "/data/amount"),
                (cloudEvent("3", 0), "/data/amount"),
            ] as [(JSONValue, String)] {
                let one = try await till.report(wrong, as: structured)
                #expect(one.status == 422 && one["errors"]?[0]?["pointer"] == .string(pointer), "\(one)")
                let many = try await till.report([cloudEvent("4"), wrong], as: "application/cloudevents-batch+json")
                #expect(many.status == 422 && many["errors"]?[0]?["pointer"] == .string("/1" + pointer), "\(many)")
            }
            for attribute in ["specversion", "id", "source", "type", "data"] {
                var lacking = try #require(cloudEvent("3").object)
                lacking[attribute] = nil
                #expect(try await till.report(.object(lacking), as: structured).status == 422, "\(attribute)")
            }
            #expect(try await till.report(cloudEvent("3"), as: "application/xml").status == 415)
            let document = await till.get("/openapi.json")
            let content = document["paths"]?["/v1/usage/events"]?["post"]?["requestBody"]?["content"]
            #expect(content?["application/cloudevents+json"]?["schema"] == ["$ref": "#/components/schemas/CloudEvent"])
            #expect(
                content?["application/cloudevents-batch+json"]?["schema"]?["maxItems"]
                    == .integer(Int64(UsageReport.countMax)))
            #expect(content?["application/json"]?["schema"]?["anyOf"]?.array?.count == 3)
            #expect(try await till.level() == [11, 0, 189])
        }
    }

    @Test(arguments: Engine.available)
    func `what lies ahead is refused, and what lies far back needs a right`(engine: Engine) async throws {
        try await withTill(engine, plan: "pro") { till in
            #expect(await till.report(event("ahead", at: till.moment(UsageService.skewMax))).status == 201)
            let ahead = await till.report(event("further", at: till.moment(UsageService.skewMax + .microseconds(1))))
            #expect(ahead.status == 422 && ahead.code == "usage-in-future", "\(ahead)")

            let old = event("old", at: till.moment(.zero - UsageService.ageMax - .microseconds(1)))
            let plain = await till.app.call(
                "POST", "/v1/usage/events", json: old, headers: try await till.key("usage.write"))
            #expect(plain.status == 422 && plain.code == "usage-too-old", "\(plain)")
            let edge = event("edge", at: till.moment(.zero - UsageService.ageMax))
            #expect(
                await till.app.call("POST", "/v1/usage/events", json: edge, headers: try await till.key("usage.write"))
                    .status == 201)
            // The right to tell of the past is looked at for everybody; who lacks it is not turned away for that.
            #expect(try await till.auditCount("access.refused") == 0)
            #expect(
                await till.app.call(
                    "POST", "/v1/usage/events", json: old, headers: try await till.key("usage.backfill")
                ).code == "insufficient-scope")
            let right = try await till.key("usage.write", "usage.backfill")
            #expect(await till.app.call("POST", "/v1/usage/events", json: old, headers: right).status == 201)
            // The owner themselves may too; somebody who only belongs to the organisation may not.
            #expect(await till.report(event("older", at: till.moment(.zero - .days(90)))).status == 201)
            let guest = try await till.app.register("guest")
            try await till.database.write { [organisation = till.organisation] transaction in
                try transaction.execute(
                    "INSERT INTO memberships (organisation_id, person_id, role, created_at) VALUES (\(organisation), \(guest.id), 'member', \(transaction.now))"
                )
            }
            let headers = ["X-Organisation": till.person.organisation]
            let far = await till.app.call(
                "POST", "/v1/usage/events", json: event("far", at: till.moment(.zero - .days(90))), token: guest.token,
                headers: headers)
            #expect(far.code == "usage-too-old", "\(far)")
            #expect(
                await till.app.call(
                    "POST", "/v1/usage/events", json: event("near"), token: guest.token, headers: headers
                ).status == 201)
        }
    }

    @Test(arguments: Engine.available)
    func `late use belongs to its period while that is open or in grace, and adjusts the present one afterwards`(
        engine: Engine
    ) async throws {
        try await withTill(engine) { till in
            let first = try await till.standing().period
            // In the grace of the first period, to its last moment.
            till.app.clock.advance(by: first.end - till.app.clock.now + UsageService.grace - .microseconds(1))
            let inGrace = await till.report(event("late", 2, at: (first.end - .hours(2)).description))
            #expect(
                inGrace["period_start"] == .string(first.start.description) && inGrace["adjusts_period_start"] == nil,
                "\(inGrace)")
            #expect(try await till.level() == [0, 0, 5])
            till.app.clock.advance(by: .microseconds(1))
            let tooLate = await till.report(event("later", 3, at: (first.end - .hours(1)).description))
            #expect(tooLate.status == 201, "\(tooLate)")
            #expect(
                tooLate["period_start"] == .string(first.end.description)
                    && tooLate["adjusts_period_start"] == .string(first.start.description))
            #expect(try await till.level() == [3, 0, 2])
            let used = try await till.database.read { [organisation = till.organisation] in
                try $0.level(of: Bucket(organisation: organisation, meter: "uploads", periodStart: first.start)).used
            }
            #expect(used == 2)
            // The same again finds what was made of it.
            let again = await till.report(event("later", 3, at: (first.end - .hours(1)).description))
            #expect(
                again["outcome"] == "duplicate" && again["adjusts_period_start"] == .string(first.start.description))
            #expect(try await till.count("usage_events WHERE adjusts_start IS NOT NULL") == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `use that goes over the limit is recorded as an overrun, and nothing more is admitted`(engine: Engine)
        async throws
    {
        try await withTill(engine) { till in
            try await till.reserve(try await till.charge(units: 2))
            let response = await till.report([
                event("fits", 3), event("over", 2), event("none", 1, meter: "training_runs"),
            ])
            #expect(response.status == 200, "\(response)")
            #expect(response["results"]?.array?.map { $0["is_overrun"] } == [false, true, true])
            #expect(try await till.level() == [5, 2, 0])
            #expect(try await till.level(.trainingRuns) == [1, 0, 0])
            await expectProblem(.quotaExceeded) { _ = try await till.charge() }
        }
    }

    @Test(arguments: Engine.available)
    func `somebody who never had a subscription has no period to count in; somebody whose ended has`(engine: Engine)
        async throws
    {
        try await withTestApp(engine) { app in
            let stranger = QuotaFixture(app: app, person: try await app.register())
            #expect(await stranger.report(event("a")).code == "no-active-subscription")
            let till = QuotaFixture(app: app, person: try await app.subscriber("free"))
            #expect(
                await app.call(
                    "POST", "/v1/payments/cancel-subscription", json: ["immediate": true], token: till.person.token
                ).status == 200)
            let response = await till.report(event("a"))
            #expect(response.status == 201 && response["is_overrun"] == true, "\(response)")
            try await till.requireBalance()
        }
    }

    @Test(arguments: Engine.available)
    func `nobody else's key, and no key without the scope, tells of use`(engine: Engine) async throws {
        try await withTill(engine) { till in
            let refused = await till.app.call(
                "POST", "/v1/usage/events", json: event("a"), headers: try await till.key("entitlements.check"))
            #expect(refused.code == "insufficient-scope" && refused["scope"] == "usage.write", "\(refused)")
            let other = QuotaFixture(app: till.app, person: try await till.app.subscriber("free", "other"))
            let foreign = try await till.key("usage.write").merging(["X-Organisation": other.person.organisation]) {
                $1
            }
            #expect(
                await till.app.call("POST", "/v1/usage/events", json: event("a"), headers: foreign).code
                    == "not-a-member")
            #expect(try await till.count("usage_entries") == 0)
            #expect(
                await till.app.call(
                    "POST", "/v1/usage/events", json: event("a"), headers: try await till.key("usage.write")
                ).status == 201)
            #expect(try await till.level() == [1, 0, 4])
            #expect(try await other.level() == [0, 0, 5])
        }
    }

    @Test(arguments: Engine.available)
    func `the same report from eight at once is counted once`(engine: Engine) async throws {
        try await withTestApp(engine, change: { $0.poolSize = 8 }) { app in
            let till = QuotaFixture(app: app, person: try await app.subscriber("pro"))
            let events = (0..<20).map { event("race \($0)") }
            let responses = await withTaskGroup(of: TestResponse.self) { group in
                // Each in an order of its own: they must not wait for each other crosswise.
                for turn in 0..<8 {
                    group.addTask { await till.report(.array(Array(events[turn...] + events[..<turn]))) }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(responses.allSatisfy { $0.status == 200 }, "\(responses)")
            #expect(responses.reduce(0) { $0 + ($1["accepted"]?.integer ?? 0) } == 20)
            #expect(try await till.level() == [20, 0, 180])
            try await till.requireBalance()
        }
    }

    @Test(arguments: Engine.available)
    func `a report breaks off anywhere and is counted once in the end`(engine: Engine) async throws {
        try await withTill(engine) { till in
            let scope = try await till.scope()
            let events =
                [("a", "uploads", 2), ("b", "uploads", 2), ("c", "processing", 1)] as [(String, String, Int64)]
            let report = UsageReport(events.map { ReportedUsage(UsageEvent(id: $0, meter: $1, amount: $2)) })
            let plain = till.entitlements.usage
            let count = try await withEachStatementFailing(on: till.database) { database in
                let usage = UsageService(
                    database: database, plans: plain.plans, meters: plain.meters, alerts: plain.alerts,
                    audit: plain.audit)
                _ = try await usage.record(report, mayBackfill: false, scope: scope)
            } check: { _ in
                try await till.requireBalance()
            }
            #expect(count >= 8)
            #expect(try await till.level() == [4, 0, 1])
            // The alert at 80 % went with it, once.
            #expect(try await till.count("usage_alerts") == 1)
            #expect(try await till.app.mail(to: till.person.email).filter { $0.subject.contains("80 %") }.count == 1)
        }
    }
}

extension QuotaFixture {
    func scope() async throws -> Scope {
        try await app.app.identity.member.check(
            Request(
                method: .post, path: "/v1/test", headers: [.authorization: "Bearer \(person.token)"],
                requestID: "test-request", address: "192.0.2.1",
                received: app.clock.now))
    }
}
