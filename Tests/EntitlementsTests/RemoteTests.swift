import App
import Base
import Modules
import TestKit
import Testing

@testable import Entitlements

@Suite struct RemoteTests {
    private static let path = "/v1/entitlements/reservations"

    private func hold(
        _ till: QuotaFixture, _ operation: String, _ units: Int64 = 1, meter: String = "workflows",
        _ more: [String: JSONValue] = [:]
    ) async throws
        -> TestResponse
    {
        let request: [String: JSONValue] = [
            "meter": .string(meter), "units": .integer(units), "operation": .string(operation),
        ]
        return await till.app.call(
            "POST", Self.path, json: .object(request.merging(more) { $1 }),
            headers: try await till.key("entitlements.reserve"))
    }

    private func move(_ till: QuotaFixture, _ id: String, _ verb: String, json: JSONValue? = nil) async -> TestResponse
    {
        await till.app.call("POST", "\(Self.path)/\(id)/\(verb)", json: json, token: till.person.token)
    }

    private let workflows = Meter("workflows", title: "Workflow")

    @Test(arguments: Engine.available)
    func `asking tells what a door would say, and takes nothing`(engine: Engine) async throws {
        try await withTill(engine, plan: "student") { till in
            let key = try await till.key("entitlements.check")
            func ask(_ question: JSONValue) async -> TestResponse {
                await till.app.call("POST", "/v1/entitlements/check", json: question, headers: key)
            }
            let yes = await ask(["meter": "workflows", "units": 100])
            #expect(
                yes.status == 200 && yes["allowed"] == true && yes["remaining"] == 100 && yes["limit"] == 100
                    && yes["refusal"] == nil, "\(yes)")
            let no = await ask(["meter": "workflows", "units": 101])
            #expect(no.status == 200 && no["allowed"] == false, "\(no)")
            #expect(
                no["refusal"]?["code"] == "quota-exceeded" && no["refusal"]?["title"] == "Workflow limit reached"
                    && no["refusal"]?["status"] == 403)
            #expect(
                no["refusal"]?["members"]?["limit"] == 100 && no["resets_at"] == no["refusal"]?["members"]?["resets_at"]
            )
            let feature = await ask(["feature": "training"])
            #expect(
                feature["allowed"] == false && feature["refusal"]?["title"] == "Training not available"
                    && feature["plan"] == "Student", "\(feature)")
            #expect(try await till.level(workflows) == [0, 0, 100])

            for wrong in [
                [:], ["meter": "workflows", "feature": "training"], ["meter": "workflows", "units": 0],
                ["meter": "nothing"],
            ] as [JSONValue] {
                #expect(await ask(wrong).status == 422, "\(wrong)")
            }
            let other = try await till.app.subscriber("pro", "other")
            #expect(
                await ask(["meter": "workflows", "organisation_id": .string(other.organisation)]).code == "not-a-member"
            )
            #expect(
                await ask(["meter": "workflows", "organisation_id": .string(till.person.organisation)])["allowed"]
                    == true)
            try await till.app.put(till.person, on: "pro")
            #expect(await ask(["feature": "training"])["allowed"] == true)
            _ = await till.app.call(
                "POST", "/v1/payments/cancel-subscription", json: ["immediate": true], token: till.person.token)
            let ended = await ask(["meter": "workflows"])
            #expect(ended["allowed"] == false && ended["refusal"]?["code"] == "no-active-subscription", "\(ended)")
        }
    }

    @Test(arguments: Engine.available)
    func `units are held, and used by a commit, once each`(engine: Engine) async throws {
        try await withTill(engine, plan: "student") { till in
            let held = try await hold(till, "job 1", 4, ["lease_seconds": 60])
            #expect(
                held.status == 201 && held["state"] == "held"
                    && held["lease_until"] == .string(till.moment(.seconds(60))), "\(held)")
            #expect(try await hold(till, "job 1", 4, ["lease_seconds": 60]).json == held.json)
            #expect(try await hold(till, "job 1", 5, ["lease_seconds": 60]).code == "operation-conflict")
            #expect(try await till.level(workflows) == [0, 4, 96])
            let id = try #require(held["id"]?.string)
            let done = await move(till, id, "commit")
            #expect(
                done.status == 200 && done["state"] == "committed" && done["used"] == 4 && done["is_overrun"] == false,
                "\(done)")
            #expect(await move(till, id, "commit").json == done.json)
            #expect(await move(till, id, "commit", json: ["units": 4]).json == done.json)
            for (verb, json) in [("commit", ["units": 3]), ("release", nil), ("heartbeat", nil)]
                as [(String, JSONValue?)]
            {
                let late = await move(till, id, verb, json: json)
                #expect(
                    late.status == 409 && late.code == "reservation-settled" && late["state"] == "committed",
                    "\(verb): \(late)")
            }
            #expect(try await till.level(workflows) == [4, 0, 96])
            #expect(try await till.auditCount("reservation.made") == 1)
            #expect(try await till.auditCount("reservation.committed") == 1)
            // The key is spent for good.
            #expect(try await hold(till, "job 1", 4, ["lease_seconds": 60])["state"] == "committed")
        }
    }

    @Test(arguments: Engine.available)
    func `a commit of fewer units gives the rest back, and one of more is counted, beyond the limit as an overrun`(
        engine: Engine
    ) async throws {
        try await withTill(engine, plan: "student") { till in
            let fewer = try #require(try await hold(till, "fewer", 40)["id"]?.string)
            let less = await move(till, fewer, "commit", json: ["units": 10])
            #expect(less["used"] == 10 && less["is_overrun"] == false, "\(less)")
            #expect(try await till.level(workflows) == [10, 0, 90])
            let more = try #require(try await hold(till, "more", 40)["id"]?.string)
            let fits = await move(till, more, "commit", json: ["units": 50])
            #expect(fits["used"] == 50 && fits["is_overrun"] == false, "\(fits)")
            let most = try #require(try await hold(till, "most", 40)["id"]?.string)
            let over = await move(till, most, "commit", json: ["units": 45])
            #expect(over["used"] == 45 && over["is_overrun"] == true, "\(over)")
            #expect(try await till.level(workflows).prefix(2) == [105, 0])
            #expect(try await hold(till, "none left", 1).code == "quota-exceeded")
        }
    }

    @Test(arguments: Engine.available)
    func `a release gives the units back, and a lease that ran out does`(engine: Engine) async throws {
        try await withTill(engine, plan: "student") { till in
            let first = try #require(try await hold(till, "first", 60)["id"]?.string)
            #expect(await move(till, first, "release")["state"] == "released")
            #expect(await move(till, first, "release").status == 200)
            #expect(await move(till, first, "commit").code == "reservation-settled")
            #expect(try await till.level(workflows) == [0, 0, 100])
            #expect(try await till.auditCount("reservation.released") == 1)

            let second = try #require(try await hold(till, "second", 60, ["lease_seconds": 30])["id"]?.string)
            till.app.clock.advance(by: .seconds(30))
            let beat = await move(till, second, "heartbeat", json: ["lease_seconds": 40])
            #expect(beat["lease_until"] == .string(till.moment(.seconds(40))), "\(beat)")
            // A shorter lease never ends a longer one.
            #expect(
                await move(till, second, "heartbeat", json: ["lease_seconds": 10])["lease_until"] == beat["lease_until"]
            )
            till.app.clock.advance(by: .seconds(40))
            try await till.entitlements.recovery.recover()
            #expect(try await till.level(workflows) == [0, 60, 40])
            till.app.clock.advance(by: .seconds(1))
            try await till.entitlements.recovery.recover()
            #expect(try await till.level(workflows) == [0, 0, 100])
            #expect(await move(till, second, "heartbeat").code == "reservation-settled")
            // The work was done all the same, and somebody else has the room by now.
            #expect(try await hold(till, "third", 60).status == 201)
            let late = await move(till, second, "commit")
            #expect(late["state"] == "committed" && late["is_overrun"] == true && late["used"] == 60, "\(late)")
            #expect(try await till.level(workflows) == [60, 60, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `a release after the lease is the last word`(engine: Engine) async throws {
        try await withTill(engine, plan: "student") { till in
            let id = try #require(try await hold(till, "late", 60, ["lease_seconds": 30])["id"]?.string)
            till.app.clock.advance(by: .seconds(31))
            try await till.entitlements.recovery.recover()
            let released = await move(till, id, "release")
            #expect(released.status == 200 && released["state"] == "released" && released["used"] == nil, "\(released)")
            #expect(await move(till, id, "release").json == released.json)
            #expect(try await till.auditCount("reservation.released") == 1)
            for verb in ["commit", "heartbeat"] {
                let late = await move(till, id, verb)
                #expect(
                    late.status == 409 && late.code == "reservation-settled" && late["state"] == "released",
                    "\(verb): \(late)")
            }
            #expect(try await till.level(workflows) == [0, 0, 100])
            // The same request hears of the same reservation, as it is now.
            let again = try await hold(till, "late", 60, ["lease_seconds": 30])
            #expect(again.status == 201 && again["id"]?.string == id && again["state"] == "released", "\(again)")
        }
    }

    @Test(arguments: Engine.available)
    func `work that took nothing says so with a commit of none`(engine: Engine) async throws {
        try await withTill(engine, plan: "student") { till in
            let id = try #require(try await hold(till, "nothing", 60)["id"]?.string)
            let done = await move(till, id, "commit", json: ["units": 0])
            #expect(
                done.status == 200 && done["state"] == "committed" && done["used"] == 0 && done["is_overrun"] == false,
                "\(done)")
            for json in [nil, ["units": 0]] as [JSONValue?] {
                #expect(await move(till, id, "commit", json: json).json == done.json)
            }
            #expect(await move(till, id, "commit", json: ["units": 1]).code == "reservation-settled")
            #expect(await move(till, id, "commit", json: ["units": -1]).status == 422)
            #expect(try await till.level(workflows) == [0, 0, 100])
            #expect(try await till.auditCount("reservation.committed") == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `nothing is held beyond the limit, of no meter that is unknown, and for no length of time`(engine: Engine)
        async throws
    {
        try await withTill(engine, plan: "student") { till in
            let refused = try await hold(till, "too much", 101)
            #expect(refused.status == 403 && refused.code == "quota-exceeded" && refused["limit"] == 100, "\(refused)")
            #expect(try await hold(till, "unknown", meter: "nothing").code == "unknown-meter")
            let bad: [[String: JSONValue]] = [
                ["lease_seconds": 9], ["lease_seconds": 86_401], ["units": 0], ["units": -1], ["operation": ""],
                ["operation": .string(String(repeating: "a", count: 256))],
            ]
            for more in bad { #expect(try await hold(till, "bad", 1, more).status == 422, "\(more)") }
            #expect(try await till.count("reservations") == 0)
            let stranger = QuotaFixture(app: till.app, person: try await till.app.register("stranger"))
            #expect(try await hold(stranger, "a").code == "no-active-subscription")
        }
    }

    @Test(arguments: Engine.available)
    func `a key moves reservations of its own organisation, and only those that were made here`(engine: Engine)
        async throws
    {
        try await withTill(engine, plan: "student") { till in
            let held = try await hold(till, "mine", 2)
            let id = try #require(held["id"]?.string)
            let other = QuotaFixture(app: till.app, person: try await till.app.subscriber("student", "other"))
            for verb in ["commit", "release", "heartbeat"] {
                #expect(await move(other, id, verb).status == 404, "\(verb)")
            }
            let own = try await hold(other, "mine", 3)
            #expect(own.status == 201 && own["id"] != held["id"])
            // A product's own work is not for keys to settle.
            let work = try await till.reserve(try await till.charge(.uploads))
            for verb in ["commit", "release", "heartbeat"] {
                #expect(await move(till, work.text, verb).status == 404, "\(verb)")
            }
            #expect(try await till.state(work) == "held")
            #expect(try await till.level(workflows) == [0, 2, 98])
            let check = try await till.key("entitlements.check", "usage.write")
            let refused = await till.app.call("POST", "\(Self.path)/\(id)/commit", headers: check)
            #expect(refused.code == "insufficient-scope" && refused["scope"] == "entitlements.reserve", "\(refused)")
        }
    }

    @Test(arguments: Engine.available)
    func `the same operation from eight at once is held once, and all hear of it`(engine: Engine) async throws {
        try await withTestApp(engine, change: { $0.poolSize = 8 }) { app in
            let till = QuotaFixture(app: app, person: try await app.subscriber("student"))
            let key = try await till.key("entitlements.reserve")
            let responses = await withTaskGroup(of: TestResponse.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        await app.call(
                            "POST", Self.path, json: ["meter": "workflows", "units": 60, "operation": "race"],
                            headers: key)
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(responses.allSatisfy { $0.status == 201 }, "\(responses)")
            #expect(Set(responses.compactMap { $0["id"]?.string }).count == 1)
            #expect(try await till.level(workflows) == [0, 60, 40])
            #expect(try await till.auditCount("reservation.made") == 1)
            try await till.requireBalance()
        }
    }
}
