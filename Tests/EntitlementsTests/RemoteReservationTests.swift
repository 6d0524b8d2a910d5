import App
import Base
import Modules
import TestKit
import Testing

@testable import Entitlements

@Suite struct RemoteReservationTests {
    private static let path = "/v1/entitlements/reservations"

    private func reserve(
        _ quota: QuotaFixture, _ operation: String, _ units: Int64 = 1, meter: String = "workflows",
        _ members: [String: JSONValue] = [:]
    ) async throws
        -> TestResponse
    {
        let payload: [String: JSONValue] = [
            "meter": .string(meter), "units": .integer(units), "operation": .string(operation),
        ]
        return await quota.app.call(
            "POST", Self.path, json: .object(payload.merging(members) { $1 }),
            headers: try await quota.service())
    }

    private func perform(_ quota: QuotaFixture, _ id: String, _ action: String, json: JSONValue? = nil) async throws
        -> TestResponse
    {
        await quota.app.call(
            "POST", "\(Self.path)/\(id)/\(action)", json: json, headers: try await quota.service())
    }

    /// The service keys that reserved and that settled.
    private func keys(_ quota: QuotaFixture, _ id: String) async throws -> [String?] {
        let row = try await quota.database.read {
            try $0.first("SELECT service_key, settled_by FROM reservations WHERE id = \(id)")
        }
        return [try row?.read("service_key", as: String?.self) ?? nil, try row?.read("settled_by") ?? nil]
    }

    private let workflows = Meter("workflows", title: "Workflow")

    @Test(arguments: Engine.available)
    func `a check returns the decision of the gate and takes no units`(engine: Engine) async throws {
        try await withQuotaFixture(engine, plan: "student") { quota in
            let key = try await quota.key("entitlements.check")
            func check(_ payload: JSONValue) async -> TestResponse {
                await quota.app.call("POST", "/v1/entitlements/check", json: payload, headers: key)
            }
            let yes = await check(["meter": "workflows", "units": 100])
            #expect(
                yes.status == 200 && yes["allowed"] == true && yes["remaining"] == 100 && yes["limit"] == 100
                    && yes["refusal"] == nil, "\(yes)")
            let no = await check(["meter": "workflows", "units": 101])
            #expect(no.status == 200 && no["allowed"] == false, "\(no)")
            #expect(
                no["refusal"]?["code"] == "quota-exceeded" && no["refusal"]?["title"] == "Workflow limit reached"
                    && no["refusal"]?["status"] == 403)
            #expect(
                no["refusal"]?["members"]?["limit"] == 100 && no["resets_at"] == no["refusal"]?["members"]?["resets_at"]
            )
            let feature = await check(["feature": "training"])
            #expect(
                feature["allowed"] == false && feature["refusal"]?["title"] == "Training not available"
                    && feature["plan"] == "Student", "\(feature)")
            #expect(try await quota.level(workflows) == [0, 0, 100])

            for invalid in [
                [:], ["meter": "workflows", "feature": "training"], ["meter": "workflows", "units": 0],
                ["meter": "nothing"],
            ] as [JSONValue] {
                #expect(await check(invalid).status == 422, "\(invalid)")
            }
            let other = try await quota.app.subscriber("pro", "other")
            #expect(
                await check(["meter": "workflows", "organisation_id": .string(other.organisation)]).code
                    == "not-a-member"
            )
            #expect(
                await check(["meter": "workflows", "organisation_id": .string(quota.person.organisation)])["allowed"]
                    == true)
            try await quota.app.put(quota.person, on: "pro")
            #expect(await check(["feature": "training"])["allowed"] == true)
            _ = await quota.app.call(
                "POST", "/v1/payments/cancel-subscription", json: ["immediate": true], token: quota.person.token)
            let ended = await check(["meter": "workflows"])
            #expect(ended["allowed"] == false && ended["refusal"]?["code"] == "no-active-subscription", "\(ended)")
        }
    }

    @Test(arguments: Engine.available)
    func `units are held once and committed once`(engine: Engine) async throws {
        try await withQuotaFixture(engine, plan: "student") { quota in
            let held = try await reserve(quota, "job 1", 4, ["lease_seconds": 60])
            #expect(
                held.status == 201 && held["state"] == "held"
                    && held["lease_until"] == .string(quota.timestamp(.seconds(60))), "\(held)")
            #expect(try await reserve(quota, "job 1", 4, ["lease_seconds": 60]).json == held.json)
            #expect(try await reserve(quota, "job 1", 5, ["lease_seconds": 60]).code == "operation-conflict")
            #expect(try await quota.level(workflows) == [0, 4, 96])
            let id = try #require(held["id"]?.string)
            let done = try await perform(quota, id, "commit")
            #expect(
                done.status == 200 && done["state"] == "committed" && done["used"] == 4 && done["is_overrun"] == false,
                "\(done)")
            #expect(try await perform(quota, id, "commit").json == done.json)
            #expect(try await perform(quota, id, "commit", json: ["units": 4]).json == done.json)
            for (action, json) in [("commit", ["units": 3]), ("release", nil), ("heartbeat", nil)]
                as [(String, JSONValue?)]
            {
                let late = try await perform(quota, id, action, json: json)
                #expect(
                    late.status == 409 && late.code == "reservation-settled" && late["state"] == "committed",
                    "\(action): \(late)")
            }
            #expect(try await quota.level(workflows) == [4, 0, 96])
            // Its row and its usage entry name the key. There is no audit event per call.
            let key = try await quota.serviceKeyID()
            #expect(try await keys(quota, id) == [key, key])
            #expect(try await quota.count("usage_entries WHERE service_key = \(key)") == 1)
            #expect(try await quota.count("audit_events WHERE subject_kind IN ('reservation', 'usage')") == 0)
            // The operation stays committed.
            #expect(try await reserve(quota, "job 1", 4, ["lease_seconds": 60])["state"] == "committed")
        }
    }

    @Test(arguments: Engine.available)
    func `an operation key may begin with a combining character`(engine: Engine) async throws {
        try await withQuotaFixture(engine, plan: "student") { quota in
            let held = try await reserve(quota, "\u{301}a", 4)
            #expect(held.status == 201, "\(held)")
            let id = try #require(held["id"]?.string)
            #expect(try await perform(quota, id, "heartbeat").status == 200)
            #expect(try await perform(quota, id, "commit").status == 200)
            #expect(try await quota.level(workflows) == [4, 0, 96])
        }
    }

    @Test(arguments: Engine.available)
    func `a commit of fewer units releases the rest, and one of more is counted, beyond the limit as an overrun`(
        engine: Engine
    ) async throws {
        try await withQuotaFixture(engine, plan: "student") { quota in
            let fewer = try #require(try await reserve(quota, "fewer", 40)["id"]?.string)
            let less = try await perform(quota, fewer, "commit", json: ["units": 10])
            #expect(less["used"] == 10 && less["is_overrun"] == false, "\(less)")
            #expect(try await quota.level(workflows) == [10, 0, 90])
            let more = try #require(try await reserve(quota, "more", 40)["id"]?.string)
            let fits = try await perform(quota, more, "commit", json: ["units": 50])
            #expect(fits["used"] == 50 && fits["is_overrun"] == false, "\(fits)")
            let most = try #require(try await reserve(quota, "most", 40)["id"]?.string)
            let over = try await perform(quota, most, "commit", json: ["units": 45])
            #expect(over["used"] == 45 && over["is_overrun"] == true, "\(over)")
            #expect(try await quota.level(workflows).prefix(2) == [105, 0])
            #expect(try await reserve(quota, "none left", 1).code == "quota-exceeded")
        }
    }

    @Test(arguments: Engine.available)
    func `a release and an expired lease return the units`(engine: Engine) async throws {
        try await withQuotaFixture(engine, plan: "student") { quota in
            let first = try #require(try await reserve(quota, "first", 60)["id"]?.string)
            #expect(try await perform(quota, first, "release")["state"] == "released")
            #expect(try await perform(quota, first, "release").status == 200)
            #expect(try await perform(quota, first, "commit").code == "reservation-settled")
            #expect(try await quota.level(workflows) == [0, 0, 100])
            let key = try await quota.serviceKeyID()
            #expect(try await keys(quota, first) == [key, key])

            let second = try #require(try await reserve(quota, "second", 60, ["lease_seconds": 30])["id"]?.string)
            quota.app.clock.advance(by: .seconds(30))
            let heartbeat = try await perform(quota, second, "heartbeat", json: ["lease_seconds": 40])
            #expect(heartbeat["lease_until"] == .string(quota.timestamp(.seconds(40))), "\(heartbeat)")
            // A shorter lease does not shorten a longer one.
            #expect(
                try await perform(quota, second, "heartbeat", json: ["lease_seconds": 10])["lease_until"]
                    == heartbeat["lease_until"]
            )
            quota.app.clock.advance(by: .seconds(40))
            try await quota.entitlements.recovery.recover()
            #expect(try await quota.level(workflows) == [0, 60, 40])
            quota.app.clock.advance(by: .seconds(1))
            try await quota.entitlements.recovery.recover()
            #expect(try await quota.level(workflows) == [0, 0, 100])
            #expect(try await perform(quota, second, "heartbeat").code == "reservation-settled")
            // The work was done, and its units are reserved by another operation.
            #expect(try await reserve(quota, "third", 60).status == 201)
            let late = try await perform(quota, second, "commit")
            #expect(late["state"] == "committed" && late["is_overrun"] == true && late["used"] == 60, "\(late)")
            #expect(try await quota.level(workflows) == [60, 60, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `a lease ends to the second: a heartbeat after it is refused, and others get the units`(engine: Engine)
        async throws
    {
        try await withQuotaFixture(engine, plan: "student") { quota in
            let check = try await quota.key("entitlements.check")
            func isAllowed() async -> JSONValue? {
                await quota.app.call(
                    "POST", "/v1/entitlements/check", json: ["meter": "workflows", "units": 100], headers: check)[
                        "allowed"]
            }
            let first = try #require(try await reserve(quota, "first", 100, ["lease_seconds": 10])["id"]?.string)
            quota.app.clock.advance(by: .seconds(10))
            #expect(try await reserve(quota, "next", 100).code == "quota-exceeded")
            #expect(await isAllowed() == false)
            #expect(try await quota.state(ID(trusted: first)) == "held")
            quota.app.clock.advance(by: .seconds(1))
            // The job that expires reservations has not run since.
            #expect(await isAllowed() == true)
            let heartbeat = try await perform(quota, first, "heartbeat")
            #expect(
                heartbeat.status == 409 && heartbeat.code == "reservation-settled" && heartbeat["state"] == "expired",
                "\(heartbeat)")
            #expect(try await reserve(quota, "first", 100, ["lease_seconds": 10])["state"] == "expired")
            #expect(try await reserve(quota, "too many", 101).code == "quota-exceeded")
            #expect(try await reserve(quota, "next", 100).status == 201)
            #expect(try await quota.level(workflows) == [0, 100, 0])
            #expect(try await quota.state(ID(trusted: first)) == "expired")
            let late = try await perform(quota, first, "commit")
            #expect(late["state"] == "committed" && late["is_overrun"] == true, "\(late)")
            #expect(try await quota.level(workflows) == [100, 100, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `a release after the lease is final`(engine: Engine) async throws {
        try await withQuotaFixture(engine, plan: "student") { quota in
            let id = try #require(try await reserve(quota, "late", 60, ["lease_seconds": 30])["id"]?.string)
            quota.app.clock.advance(by: .seconds(31))
            try await quota.entitlements.recovery.recover()
            let released = try await perform(quota, id, "release")
            #expect(released.status == 200 && released["state"] == "released" && released["used"] == nil, "\(released)")
            #expect(try await perform(quota, id, "release").json == released.json)
            let key = try await quota.serviceKeyID()
            #expect(try await keys(quota, id) == [key, key])
            for action in ["commit", "heartbeat"] {
                let late = try await perform(quota, id, action)
                #expect(
                    late.status == 409 && late.code == "reservation-settled" && late["state"] == "released",
                    "\(action): \(late)")
            }
            #expect(try await quota.level(workflows) == [0, 0, 100])
            // A repeated request returns the same reservation in its current state.
            let again = try await reserve(quota, "late", 60, ["lease_seconds": 30])
            #expect(again.status == 201 && again["id"]?.string == id && again["state"] == "released", "\(again)")
        }
    }

    @Test(arguments: Engine.available)
    func `a commit of zero units ends a reservation without usage`(engine: Engine) async throws {
        try await withQuotaFixture(engine, plan: "student") { quota in
            let id = try #require(try await reserve(quota, "nothing", 60)["id"]?.string)
            let done = try await perform(quota, id, "commit", json: ["units": 0])
            #expect(
                done.status == 200 && done["state"] == "committed" && done["used"] == 0 && done["is_overrun"] == false,
                "\(done)")
            for json in [nil, ["units": 0]] as [JSONValue?] {
                #expect(try await perform(quota, id, "commit", json: json).json == done.json)
            }
            #expect(try await perform(quota, id, "commit", json: ["units": 1]).code == "reservation-settled")
            #expect(try await perform(quota, id, "commit", json: ["units": -1]).status == 422)
            #expect(try await quota.level(workflows) == [0, 0, 100])
            #expect(try await quota.count("usage_entries") == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `an exceeded limit, an unknown meter and an invalid lease or operation are refused`(engine: Engine)
        async throws
    {
        try await withQuotaFixture(engine, plan: "student") { quota in
            let refused = try await reserve(quota, "too much", 101)
            #expect(refused.status == 403 && refused.code == "quota-exceeded" && refused["limit"] == 100, "\(refused)")
            #expect(try await reserve(quota, "unknown", meter: "nothing").code == "unknown-meter")
            let invalid: [[String: JSONValue]] = [
                ["lease_seconds": 9], ["lease_seconds": 86_401], ["units": 0], ["units": -1], ["operation": ""],
                ["operation": .string(String(repeating: "a", count: 256))],
            ]
            for members in invalid {
                #expect(try await reserve(quota, "invalid", 1, members).status == 422, "\(members)")
            }
            #expect(try await quota.count("reservations") == 0)
            let unsubscribed = QuotaFixture(app: quota.app, person: try await quota.app.register("unsubscribed"))
            #expect(try await reserve(unsubscribed, "a").code == "no-active-subscription")
        }
    }

    @Test(arguments: Engine.available)
    func `a service key changes only reservations that it has made, in the organisation that the request names`(
        engine: Engine
    ) async throws {
        try await withQuotaFixture(engine, plan: "student") { quota in
            let held = try await reserve(quota, "mine", 2)
            let id = try #require(held["id"]?.string)
            let other = QuotaFixture(app: quota.app, person: try await quota.app.subscriber("student", "other"))
            for action in ["commit", "release", "heartbeat"] {
                #expect(try await perform(other, id, action).status == 404, "\(action)")
            }
            let own = try await reserve(other, "mine", 3)
            #expect(own.status == 201 && own["id"] != held["id"])
            // The same key in another organisation does not find it.
            let key = try await quota.app.serviceKey()
            let made = await quota.app.call(
                "POST", Self.path, json: ["meter": "workflows", "operation": "two organisations"],
                headers: key.headers(in: quota.person.organisation))
            let two = try #require(made["id"]?.string)
            for action in ["commit", "release", "heartbeat"] {
                let elsewhere = await quota.app.call(
                    "POST", "\(Self.path)/\(two)/\(action)", headers: key.headers(in: other.person.organisation))
                #expect(elsewhere.status == 404, "\(action)")
            }
            let back = await quota.app.call(
                "POST", "\(Self.path)/\(two)/release", headers: key.headers(in: quota.person.organisation))
            #expect(back.status == 200, "\(back)")
            // A reservation of a product cannot be changed by a service key.
            let work = try await quota.reserve(try await quota.charge(.uploads))
            for action in ["commit", "release", "heartbeat"] {
                #expect(try await perform(quota, work.text, action).status == 404, "\(action)")
            }
            #expect(try await quota.state(work) == "held")
            #expect(try await quota.level(workflows) == [0, 2, 98])
            // Neither the owner's session nor a key of the organisation settles what the product reserved.
            for headers in [
                ["Authorization": "Bearer \(quota.person.token)"], try await quota.key("*"),
                try await quota.app.serviceKey(["usage:write"]).headers(in: quota.person.organisation),
            ] {
                for path in [Self.path, "\(Self.path)/\(id)/commit", "\(Self.path)/\(id)/release"] {
                    let refused = await quota.app.call(
                        "POST", path, json: path == Self.path ? ["meter": "workflows", "operation": "mine"] : nil,
                        headers: headers)
                    #expect(
                        refused.status == 403 && refused.code == "insufficient-scope"
                            && refused["scope"] == "reservations:write", "\(refused)")
                }
            }
            #expect(try await quota.level(workflows) == [0, 2, 98])
        }
    }

    @Test(arguments: Engine.available)
    func `of eight concurrent requests with one operation one reserves, and all get the reservation`(engine: Engine)
        async throws
    {
        try await withTestApp(engine, change: { $0.poolSize = 8 }) { app in
            let quota = QuotaFixture(app: app, person: try await app.subscriber("student"))
            let key = try await quota.service()
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
            #expect(try await quota.level(workflows) == [0, 60, 40])
            #expect(try await quota.count("reservations") == 1)
            try await quota.requireInvariants()
        }
    }
}
