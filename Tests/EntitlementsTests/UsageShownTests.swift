import App
import Base
import Modules
import TestKit
import Testing

@testable import Entitlements

@Suite struct UsageShownTests {
    @Test(arguments: Engine.available)
    func `usage shows limits, use, what is left and when it begins anew, also in the words of workflows`(engine: Engine)
        async throws
    {
        try await withTill(engine, plan: "student") { till in
            #expect(await till.report(event("w", 3, meter: "workflows")).status == 201)
            try await till.reserve(try await till.charge(Meter("workflows", title: "Workflow"), units: 2))
            let period = try await till.standing().period
            for path in ["/v1/usage", "/v1/payments/usage"] {
                let usage = await till.get(path)
                #expect(
                    usage["meters"]?["workflows"] == [
                        "limit": 100, "used": 3, "held": 2, "remaining": 95,
                        "resets_at": .string(period.end.description),
                    ], "\(usage)")
                #expect(
                    usage["period_start"] == .string(period.start.description)
                        && usage["resets_at"] == .string(period.end.description))
            }
            let payments = await till.get("/v1/payments/usage")
            #expect(
                [
                    payments["workflows_limit"], payments["workflows_used"], payments["workflows_remaining"],
                    payments["agents_limit"],
                ] == [100, 3, 95, 5])
            #expect(
                payments["can_create_workflow"] == true && payments["subscription_tier"] == "student"
                    && payments["billing_cycle"] == "monthly")

            let administrator = try await till.app.administrator()
            let seen = await till.app.call("GET", "/v1/payments/usage/\(till.person.id)", token: administrator.token)
            #expect(seen.json == payments.json)
            #expect(await till.get("/v1/payments/usage/\(till.person.id)").code == "insufficient-role")
            let stranger = try await till.app.register("stranger")
            #expect(
                await till.app.call("GET", "/v1/payments/usage/\(stranger.id)", token: administrator.token).code
                    == "no-active-subscription")
        }
    }

    @Test(arguments: Engine.available)
    func `a plan without a limit says so, and one without the meter has none left`(engine: Engine) async throws {
        try await withTill(engine, plan: "enterprise") { till in
            let payments = await till.get("/v1/payments/usage")
            #expect(
                [payments["workflows_limit"], payments["workflows_remaining"], payments["agents_limit"]] == [
                    -1, -1, -1,
                ])
            #expect(payments["can_create_workflow"] == true)
            try await till.app.put(till.person, on: "basic")
            let without = await till.get("/v1/payments/usage")
            #expect(
                [without["workflows_limit"], without["workflows_remaining"]] == [0, 0]
                    && without["can_create_workflow"] == false, "\(without)")
        }
    }

    @Test(arguments: Engine.available)
    func `a series has a point for every hour or day, and adds up`(engine: Engine) async throws {
        try await withTill(engine, plan: "pro") { till in
            let now = till.app.clock.now
            let hour = Instant(seconds: now.seconds / 3_600 * 3_600)
            _ = await till.report([
                event("a", 2, at: hour.description), event("b", 3, at: (hour - .microseconds(1)).description),
                event("c", 5, at: (hour - .hours(3)).description),
                event("d", 7, meter: "processing", at: hour.description),
            ])
            let other = QuotaFixture(app: till.app, person: try await till.app.subscriber("pro", "other"))
            #expect(await other.report(event("e", 11, at: hour.description)).status == 201)

            let hours = await till.get(
                "/v1/usage/series?meter=uploads&by=hour&from=\((hour - .hours(3)).description)&to=\((hour + .hours(1)).description)"
            )
            #expect(hours.status == 200, "\(hours)")
            #expect(hours["points"]?.array?.map { $0["used"] } == [5, 0, 3, 2])
            #expect(
                hours["points"]?.array?.map { $0["start"] }
                    == (0..<4).map { .string((hour - .hours(3 - $0)).description) })
            #expect(hours["total"] == 10 && hours["meter"] == "uploads" && hours["by"] == "hour")
            let days = await till.get("/v1/usage/series?meter=uploads")
            #expect(days["points"]?.array?.count == Int(UsageSeries.pointsDefault) && days["total"] == 10, "\(days)")
            // What is spent here is part of it.
            try await till.spend(try await till.charge(units: 4), "test:here")
            #expect(await till.get("/v1/usage/series?meter=uploads")["total"] == 14)

            let day = Duration.days(1)
            for (query, pointer) in [
                ("", "/query/meter"), ("meter=nothing", "/query/meter"), ("meter=uploads&by=week", "/query/by"),
                ("meter=uploads&from=now", "/query/from"),
                ("meter=uploads&from=\(till.moment(day))&to=\(till.moment(.zero - day))", "/query/to"),
                ("meter=uploads&by=hour&from=\(till.moment(.zero - day * 42))", "/query/from"),
            ] {
                let wrong = await till.get("/v1/usage/series?\(query)")
                #expect(
                    wrong.status == 422 && wrong["errors"]?[0]?["pointer"] == .string(pointer), "\(query): \(wrong)")
            }
        }
    }

    @Test(arguments: Engine.available)
    func `an export holds every entry once, over many pages, and nobody else's`(engine: Engine) async throws {
        try await withTill(engine, plan: "enterprise") { till in
            let count = UsageQueryService.linesMax * 2 + 7
            let moment = till.moment(.zero - .hours(1))
            for start in stride(from: 0, to: count, by: UsageReport.countMax) {
                // Most lie at one moment: pages end in the midst of it.
                let events = (start..<min(start + UsageReport.countMax, count)).map { event("n\($0)", 1, at: moment) }
                #expect(await till.report(.array(events)).status == 200)
            }
            try await till.spend(try await till.charge(.processing), "test:here")
            let other = QuotaFixture(app: till.app, person: try await till.app.subscriber("pro", "other"))
            #expect(await other.report(event("foreign")).status == 201)

            let export = await till.get("/v1/usage/export.csv")
            #expect(export.status == 200 && export.headers["content-type"]?.hasPrefix("text/csv") == true)
            #expect(export.headers["content-disposition"] == "attachment; filename=\"usage.csv\"")
            let lines = export.text.split(separator: "\r\n", omittingEmptySubsequences: false)
            #expect(lines.first == "occurred_at,meter,amount,kind,period_start,adjusts_period_start,id,source,subject")
            #expect(lines.last == "" && lines.count == count + 3, "\(lines.count)")
            let ids = lines.dropFirst().dropLast().map { $0.split(separator: ",", omittingEmptySubsequences: false)[6] }
            #expect(Set(ids).count == count + 1 && ids.contains("test:here") && !export.text.contains("foreign"))
            #expect(lines.contains { $0.hasPrefix("\(moment),uploads,1,overrun,") && $0.hasSuffix(",n1005,,") })

            let processing = await till.get("/v1/usage/export.csv?meter=processing")
            #expect(processing.text.split(separator: "\r\n").count == 2)
            let before = await till.get("/v1/usage/export.csv?to=\(moment)")
            #expect(before.text.split(separator: "\r\n").count == 1)
            #expect(
                await till.get("/v1/usage/export.csv?from=\(till.moment(.zero - UsageSelection.spanMax - .days(1)))")
                    .status == 422)
            #expect(await till.get("/v1/usage/export.csv?meter=nothing").status == 422)
        }
    }

    @Test(arguments: Engine.available)
    func `what somebody reports is no formula in a spreadsheet`(engine: Engine) async throws {
        try await withTill(engine, plan: "pro") { till in
            let bad = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", "say \"hi\", all", "plain"]
            for text in bad {
                let response = await till.report([
                    "id": .string("id \(text)"), "meter": "uploads", "amount": 1, "subject": .string(text),
                ])
                #expect(response.status == 201, "\(response)")
            }
            let text = await till.get("/v1/usage/export.csv").text
            for field in bad.dropLast(2) { #expect(text.contains(",\"'\(field)\"\r\n"), "\(field)") }
            #expect(text.contains(",\"say \"\"hi\"\", all\"\r\n") && text.contains(",plain\r\n"))
        }
    }

    @Test(arguments: Engine.available)
    func `at 80 and at 100 percent the owners get one mail each, whatever comes after`(engine: Engine) async throws {
        try await withTill(engine) { till in
            func alerts() async throws -> [String] {
                try await till.app.mail(to: till.person.email).map(\.subject).filter { $0.hasPrefix("You have used") }
            }
            #expect(await till.report(event("a", 3)).status == 201)
            #expect(try await alerts() == [])
            try await till.spend(try await till.charge(), "test:here")
            #expect(try await alerts() == ["You have used 80 % of uploads"])
            // The last one is held, and counts with its success.
            let last = try await till.reserve(try await till.charge())
            #expect(try await alerts().count == 1)
            try await till.commit(last)
            try await till.commit(last)
            // Letters of one moment have no order.
            #expect(try await Set(alerts()) == ["You have used 80 % of uploads", "You have used 100 % of uploads"])
            #expect(await till.report(event("over", 4)).status == 201)
            #expect(try await alerts().count == 2)
            #expect(try await till.auditCount("usage.alert") == 2)
            let mail = try #require(
                try await till.app.mail(to: till.person.email).last { $0.subject.contains("100 %") })
            #expect(mail.text.contains("5 of 5 uploads") && mail.html.contains("5 of 5 uploads"))

            // Both parts at once: one mail, about the higher; and the next period begins anew.
            #expect(await till.report(event("p", 6, meter: "processing")).status == 201)
            #expect(try await alerts().contains("You have used 120 % of processing"))
            #expect(try await alerts().count == 3)
            #expect(try await till.count("usage_alerts WHERE meter = 'processing'") == 2)
            till.app.clock.advance(by: .days(31))
            #expect(await till.report(event("next", 4)).status == 201)
            #expect(try await alerts().count == 4)
            // A meter that the plan does not have, or has without end, is nobody's concern.
            #expect(await till.report(event("t", 4, meter: "training_runs")).status == 201)
            #expect(try await alerts().count == 4)
        }
    }

    @Test(arguments: Engine.available)
    func `ten who cross the line together cause one mail`(engine: Engine) async throws {
        try await withTestApp(engine, change: { $0.poolSize = 8 }) { app in
            let till = QuotaFixture(app: app, person: try await app.subscriber("basic"))
            #expect(await till.report(event("most", 38)).status == 201)
            await withTaskGroup(of: Void.self) { group in
                for number in 0..<10 { group.addTask { _ = await till.report(event("n\(number)")) } }
            }
            #expect(try await till.count("usage_alerts") == 1)
            #expect(
                try await app.mail(to: till.person.email).filter { $0.subject.hasPrefix("You have used") }.count == 1)
            #expect(try await till.auditCount("usage.alert") == 1)
        }
    }

    @Test func `times of RFC 3339 are read with their offset`() {
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
