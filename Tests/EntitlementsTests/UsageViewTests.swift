import App
import Base
import Modules
import TestKit
import Testing

@testable import Entitlements

@Suite struct UsageViewTests {
    @Test(arguments: Engine.available)
    func `usage contains limits, used and remaining units and the reset, also in the fields of Workflows`(
        engine: Engine
    )
        async throws
    {
        try await withQuotaFixture(engine, plan: "student") { quota in
            #expect(try await quota.report(event("w", 3, meter: "workflows")).status == 201)
            try await quota.reserve(try await quota.charge(Meter("workflows", title: "Workflow"), units: 2))
            let period = try await quota.snapshot().period
            for path in ["/v1/usage", "/v1/payments/usage"] {
                let usage = await quota.get(path)
                #expect(
                    usage["meters"]?["workflows"] == [
                        "limit": 100, "used": 3, "held": 2, "remaining": 95,
                        "resets_at": .string(period.end.description),
                    ], "\(usage)")
                #expect(
                    usage["period_start"] == .string(period.start.description)
                        && usage["resets_at"] == .string(period.end.description))
            }
            let payments = await quota.get("/v1/payments/usage")
            #expect(
                [
                    payments["workflows_limit"], payments["workflows_used"], payments["workflows_remaining"],
                    payments["agents_limit"],
                ] == [100, 3, 95, 5])
            #expect(
                payments["can_create_workflow"] == true && payments["subscription_tier"] == "student"
                    && payments["billing_cycle"] == "monthly")

            let administrator = try await quota.app.administrator()
            let seen = await quota.app.call("GET", "/v1/payments/usage/\(quota.person.id)", token: administrator.token)
            #expect(seen.json == payments.json)
            #expect(await quota.get("/v1/payments/usage/\(quota.person.id)").code == "insufficient-role")
            let unsubscribed = try await quota.app.register("unsubscribed")
            #expect(
                await quota.app.call("GET", "/v1/payments/usage/\(unsubscribed.id)", token: administrator.token).code
                    == "no-active-subscription")
        }
    }

    @Test(arguments: Engine.available)
    func `an unlimited meter is −1, and a meter outside of the plan has no units`(engine: Engine) async throws {
        try await withQuotaFixture(engine, plan: "enterprise") { quota in
            let payments = await quota.get("/v1/payments/usage")
            #expect(
                [payments["workflows_limit"], payments["workflows_remaining"], payments["agents_limit"]] == [
                    -1, -1, -1,
                ])
            #expect(payments["can_create_workflow"] == true)
            try await quota.app.put(quota.person, on: "basic")
            let without = await quota.get("/v1/payments/usage")
            #expect(
                [without["workflows_limit"], without["workflows_remaining"]] == [0, 0]
                    && without["can_create_workflow"] == false, "\(without)")
        }
    }

    @Test(arguments: Engine.available)
    func `a series has a point per hour or day, and the total is their sum`(engine: Engine) async throws {
        try await withQuotaFixture(engine, plan: "pro") { quota in
            let now = quota.app.clock.now
            let hour = Instant(seconds: now.seconds / 3_600 * 3_600)
            _ = try await quota.report([
                event("a", 2, at: hour.description), event("b", 3, at: (hour - .microseconds(1)).description),
                event("c", 5, at: (hour - .hours(3)).description),
                event("d", 7, meter: "processing", at: hour.description),
            ])
            let other = QuotaFixture(app: quota.app, person: try await quota.app.subscriber("pro", "other"))
            #expect(try await other.report(event("e", 11, at: hour.description)).status == 201)

            let hours = await quota.get(
                "/v1/usage/series?meter=uploads&by=hour&from=\(hour - .hours(3))&to=\(hour + .hours(1))")
            #expect(hours.status == 200, "\(hours)")
            #expect(hours["points"]?.array?.map { $0["used"] } == [5, 0, 3, 2])
            #expect(
                hours["points"]?.array?.map { $0["start"] }
                    == (0..<4).map { .string((hour - .hours(3 - $0)).description) })
            #expect(hours["total"] == 10 && hours["meter"] == "uploads" && hours["by"] == "hour")
            let days = await quota.get("/v1/usage/series?meter=uploads")
            #expect(days["points"]?.array?.count == Int(UsageSeries.pointsDefault) && days["total"] == 10, "\(days)")
            // Units that a product spends are included.
            try await quota.spend(try await quota.charge(units: 4), "test:here")
            #expect(await quota.get("/v1/usage/series?meter=uploads")["total"] == 14)

            let day = Duration.days(1)
            for (query, pointer) in [
                ("", "/query/meter"), ("meter=nothing", "/query/meter"), ("meter=uploads&by=week", "/query/by"),
                ("meter=uploads&from=now", "/query/from"),
                ("meter=uploads&from=\(quota.timestamp(day))&to=\(quota.timestamp(.zero - day))", "/query/to"),
                ("meter=uploads&by=hour&from=\(quota.timestamp(.zero - day * 42))", "/query/from"),
            ] {
                let invalid = await quota.get("/v1/usage/series?\(query)")
                #expect(
                    invalid.status == 422 && invalid["errors"]?[0]?["pointer"] == .string(pointer),
                    "\(query): \(invalid)")
            }
        }
    }

    @Test(arguments: Engine.available)
    func `an export contains every entry of the organisation once, over several pages`(engine: Engine) async throws {
        try await withQuotaFixture(engine, plan: "enterprise") { quota in
            let count = UsageQueryService.linesMax * 2 + 7
            let time = quota.timestamp(.zero - .hours(1))
            for start in stride(from: 0, to: count, by: UsageReport.countMax) {
                // Most events have one time, so that pages end among events of the same time.
                let events = (start..<min(start + UsageReport.countMax, count)).map { event("n\($0)", 1, at: time) }
                #expect(try await quota.report(.array(events)).status == 200)
            }
            try await quota.spend(try await quota.charge(.processing), "test:here")
            let other = QuotaFixture(app: quota.app, person: try await quota.app.subscriber("pro", "other"))
            #expect(try await other.report(event("foreign")).status == 201)

            let export = await quota.get("/v1/usage/export.csv")
            #expect(export.status == 200 && export.headers["content-type"]?.hasPrefix("text/csv") == true)
            #expect(export.headers["content-disposition"] == "attachment; filename=\"usage.csv\"")
            let lines = export.text.split(separator: "\r\n", omittingEmptySubsequences: false)
            #expect(lines.first == "occurred_at,meter,amount,kind,period_start,adjusts_period_start,id,source,subject")
            #expect(lines.last == "" && lines.count == count + 3, "\(lines.count)")
            let ids = lines.dropFirst().dropLast().map { $0.split(separator: ",", omittingEmptySubsequences: false)[6] }
            #expect(Set(ids).count == count + 1 && ids.contains("test:here") && !export.text.contains("foreign"))
            #expect(lines.contains { $0.hasPrefix("\(time),uploads,1,overrun,") && $0.hasSuffix(",n1005,,") })

            let processing = await quota.get("/v1/usage/export.csv?meter=processing")
            #expect(processing.text.split(separator: "\r\n").count == 2)
            let before = await quota.get("/v1/usage/export.csv?to=\(time)")
            #expect(before.text.split(separator: "\r\n").count == 1)
            #expect(
                await quota.get(
                    "/v1/usage/export.csv?from=\(quota.timestamp(.zero - UsageSelection.spanMax - .days(1)))"
                )
                .status == 422)
            #expect(await quota.get("/v1/usage/export.csv?meter=nothing").status == 422)
        }
    }

    @Test(arguments: Engine.available)
    func `exported text is escaped against formulas in spreadsheets`(engine: Engine) async throws {
        try await withQuotaFixture(engine, plan: "pro") { quota in
            let formulas = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", "say \"hi\", all", "plain"]
            for text in formulas {
                let response = try await quota.report([
                    "id": .string("id \(text)"), "meter": "uploads", "amount": 1, "subject": .string(text),
                ])
                #expect(response.status == 201, "\(response)")
            }
            let text = await quota.get("/v1/usage/export.csv").text
            for field in formulas.dropLast(2) { #expect(text.contains(",\"'\(field)\"\r\n"), "\(field)") }
            #expect(text.contains(",\"say \"\"hi\"\", all\"\r\n") && text.contains(",plain\r\n"))
        }
    }

    @Test(arguments: Engine.available)
    func `at 80 and at 100 percent the owners get one e-mail each per period`(engine: Engine) async throws {
        try await withQuotaFixture(engine) { quota in
            func alerts() async throws -> [String] {
                try await quota.app.mail(to: quota.person.email).map(\.subject).filter { $0.hasPrefix("You have used") }
            }
            #expect(try await quota.report(event("a", 3)).status == 201)
            #expect(try await alerts() == [])
            try await quota.spend(try await quota.charge(), "test:here")
            #expect(try await alerts() == ["You have used 80 % of uploads"])
            // The last unit is held, and counts when it is committed.
            let last = try await quota.reserve(try await quota.charge())
            #expect(try await alerts().count == 1)
            try await quota.commit(last)
            try await quota.commit(last)
            // E-mails of one time have no order.
            #expect(try await Set(alerts()) == ["You have used 80 % of uploads", "You have used 100 % of uploads"])
            #expect(try await quota.report(event("over", 4)).status == 201)
            #expect(try await alerts().count == 2)
            #expect(try await quota.auditCount("usage.alert") == 2)
            let mail = try #require(
                try await quota.app.mail(to: quota.person.email).last { $0.subject.contains("100 %") })
            #expect(mail.text.contains("5 of 5 uploads") && mail.html.contains("5 of 5 uploads"))

            // Both thresholds at once send one e-mail, about the higher one; the next period sends again.
            #expect(try await quota.report(event("p", 6, meter: "processing")).status == 201)
            #expect(try await alerts().contains("You have used 120 % of processing"))
            #expect(try await alerts().count == 3)
            #expect(try await quota.count("usage_alerts WHERE meter = 'processing'") == 2)
            quota.app.clock.advance(by: .days(31))
            #expect(try await quota.report(event("next", 4)).status == 201)
            #expect(try await alerts().count == 4)
            // A meter that is unlimited or outside of the plan sends no alert.
            #expect(try await quota.report(event("t", 4, meter: "training_runs")).status == 201)
            #expect(try await alerts().count == 4)
        }
    }

    @Test(arguments: Engine.available)
    func `ten concurrent events that cross a threshold send one e-mail`(engine: Engine) async throws {
        try await withTestApp(engine, change: { $0.poolSize = 8 }) { app in
            let quota = QuotaFixture(app: app, person: try await app.subscriber("basic"))
            #expect(try await quota.report(event("most", 38)).status == 201)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<10 { group.addTask { _ = try await quota.report(event("n\(number)")) } }
                try await group.waitForAll()
            }
            #expect(try await quota.count("usage_alerts") == 1)
            #expect(
                try await app.mail(to: quota.person.email).filter { $0.subject.hasPrefix("You have used") }.count == 1)
            #expect(try await quota.auditCount("usage.alert") == 1)
        }
    }

    @Test func `RFC 3339 times are parsed with their offset`() {
        let noon = Instant("2026-01-31T12:00:00Z")
        for text in [
            "2026-01-31T12:00:00Z", "2026-01-31t12:00:00z", "2026-01-31T14:00:00+02:00", "2026-01-31T06:30:00-05:30",
            "2026-01-31T12:00:00.000000000-00:00",
        ] {
            #expect(Instant(rfc3339: text) == noon, "\(text)")
        }
        for text in [
            "", "2026-01-31", "2026-01-31T12:00:00", "2026-01-31T12:00:00+2:00", "2026-01-31T12:00:00+0200",
            "2026-01-31T12:00:00+24:00",
            "2026-01-31T12:00:00.Z",
            "2026-01-31T12:00:00.1.2Z", "2026-02-30T12:00:00Z", "2026-01-31 12:00:00Z", "2026-01-31T12:00:00+02:0x",
            "2026-01-31T12:00:00ZZ",
        ] { #expect(Instant(rfc3339: text) == nil, "\(text)") }
    }
}
