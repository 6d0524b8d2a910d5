import App
import Base
import Entitlements
import Identity
import Modules
import TestKit
import Testing

@testable import Billing

@Suite struct AccessCodeTests {
    private func make(_ body: JSONValue, _ test: TestApp) async throws -> (codes: [String], response: TestResponse) {
        let administrator = try await test.administrator()
        let response = await test.call("POST", "/v1/admin/access-codes", json: body, token: administrator.token)
        return (response["codes"]?.array?.compactMap { $0["code"]?.string } ?? [], response)
    }

    private func redeem(_ code: String, _ test: TestApp, as person: TestPerson, address: String = "192.0.2.1") async
        -> TestResponse
    {
        await test.call(
            "POST", "/v1/payments/redeem-code", json: ["code": .string(code)], token: person.token, address: address)
    }

    @Test(arguments: Engine.available)
    func `a code gives its plan until its time has passed`(engine: Engine) async throws {
        try await withTestApp(engine) { test in
            let person = try await test.subscriber("free")
            let (codes, made) = try await make(["plan": "professional"], test)
            let code = try #require(codes.first)
            #expect(made.status == 201 && code.wholeMatch(of: /AUTOOS(-[A-Z2-7]{4}){4}/) != nil, "\(made)")
            // Only the digest is stored.
            let rows = try await test.app.database.read { try $0.all("SELECT * FROM access_codes") }
            #expect(rows.count == 1 && !"\(rows)".contains(code.suffix(9)))
            let redeemed = await redeem(code.lowercased(), test, as: person)
            #expect(redeemed.status == 200 && redeemed["plan"] == "professional", "\(redeemed)")
            #expect(redeemed["subscription"]?["plan"]?["id"] == "professional")
            // Nothing makes it last longer.
            let resumed = await test.call("POST", "/v1/payments/resumption", token: person.token)
            #expect(resumed.code == "subscription-state", "\(resumed)")
            let cancelled = await test.call(
                "POST", "/v1/payments/cancel-subscription", json: ["immediate": false], token: person.token)
            #expect(cancelled["cancel_at"] == redeemed["valid_until"], "\(cancelled)")
            let after = await test.call("POST", "/v1/payments/resumption", token: person.token)
            #expect(after.code == "subscription-state", "\(after)")
            // A repeat is answered alike.
            let repeated = await redeem(code, test, as: person)
            #expect(repeated.status == 200 && repeated["valid_until"] == redeemed["valid_until"], "\(repeated)")
            test.clock.advance(by: .days(31))
            try await test.runJobs()
            let login = await test.call(
                "POST", "/v1/auth/login", json: ["email": .string(person.email), "password": .string(person.password)])
            let later = await test.call(
                "GET", "/v1/payments/subscription", token: try #require(login["access_token"]?.string))
            #expect(later.code == "no-active-subscription", "\(later)")
            let faults = try await allInvariants.faults(in: test.app.database)
            #expect(faults == [])
        }
    }

    @Test(arguments: Engine.available)
    func `a code is used once, also by two at once`(engine: Engine) async throws {
        try await withTestApp(engine) { test in
            let (codes, _) = try await make(["plan": "student"], test)
            let code = try #require(codes.first)
            var people: [TestPerson] = []
            for _ in 0..<4 { people.append(try await test.register()) }
            let statuses = await withTaskGroup(of: Int.self) { group in
                for person in people { group.addTask { await redeem(code, test, as: person).status } }
                return await group.reduce(into: [Int]()) { $0.append($1) }.sorted()
            }
            #expect(statuses == [200, 409, 409, 409])
        }
    }

    @Test(arguments: Engine.available)
    func `a code is redeemed or revoked once, whatever step fails`(engine: Engine) async throws {
        let loop = FaultLoop.ofMoney
        try await withTestApp(engine, databaseWrapper: loop.wrap) { test in
            let person = try await test.subscriber("free")
            let (codes, made) = try await make(["plan": "professional", "count": 2], test)
            try await loop.run("redemption", on: test, atLeast: 10) {
                try await redeem(codes[0], test, as: person).require(200)
            }
            let administrator = try await test.administrator()
            let id = try #require(made["codes"]?[1]?["access_code"]?["id"]?.string)
            try await loop.run("revocation", on: test, atLeast: 5) {
                try await test.call("DELETE", "/v1/admin/access-codes/\(id)", token: administrator.token).require(200)
            }
            let subscription = await test.call("GET", "/v1/payments/subscription", token: person.token)
            #expect(subscription["plan"]?["id"] == "professional", "\(subscription)")
            for event in ["access-code.redeemed", "access-code.revoked"] {
                let count = try await test.app.database.read {
                    try $0.count("SELECT COUNT(*) AS count FROM audit_events WHERE action = \(event)")
                }
                #expect(count == 1, "\(event)")
            }
            #expect(await redeem(codes[1], test, as: person).code == "access-code-ended")
            let faults = try await allInvariants.faults(in: test.app.database)
            #expect(faults == [])
        }
    }

    @Test(arguments: Engine.available)
    func `a code that cannot be used says why, and is not lost`(engine: Engine) async throws {
        try await withTestApp(engine) { test in
            let paying = try await test.subscriber("professional")
            let person = try await test.register()
            let (codes, made) = try await make(["plan": "enterprise", "count": 2], test)
            #expect(codes.count == 2 && made["codes"]?[0]?["access_code"]?["days"] == 365)
            let refused = await redeem(codes[0], test, as: paying)
            #expect(refused.code == "already-subscribed", "\(refused)")
            #expect(await redeem(codes[0], test, as: person).status == 200)
            #expect(await redeem("AUTOOS-AAAA-AAAA-AAAA-AAAA", test, as: person).code == "access-code-not-found")
            #expect(await redeem("no code", test, as: person).code == "access-code-not-found")
            let administrator = try await test.administrator()
            let id = try #require(made["codes"]?[1]?["access_code"]?["id"]?.string)
            for _ in 0..<2 {
                let revoked = await test.call("DELETE", "/v1/admin/access-codes/\(id)", token: administrator.token)
                #expect(revoked.status == 200 && revoked["status"] == "revoked", "\(revoked)")
            }
            let other = try await test.register()
            #expect(await redeem(codes[1], test, as: other).code == "access-code-ended")
            let used = try #require(made["codes"]?[0]?["access_code"]?["id"]?.string)
            let late = await test.call("DELETE", "/v1/admin/access-codes/\(used)", token: administrator.token)
            #expect(late.code == "access-code-ended")
            for (status, count) in [("active", 0), ("used", 1), ("revoked", 1), ("expired", 0)] {
                let list = await test.call("GET", "/v1/admin/access-codes?status=\(status)", token: administrator.token)
                #expect(list["total"] == .integer(Int64(count)), "\(status): \(list)")
            }
            #expect(await test.call("GET", "/v1/admin/access-codes", token: person.token).status == 403)
        }
    }

    @Test(arguments: Engine.available)
    func `a code expires, and only plans that are paid for have codes`(engine: Engine) async throws {
        try await withTestApp(engine) { test in
            let (codes, _) = try await make(["plan": "student", "valid_days": 1], test)
            #expect(try await make(["plan": "free"], test).response.status == 422)
            #expect(try await make(["plan": "nothing"], test).response.code == "plan-not-found")
            test.clock.advance(by: .days(1))
            let person = try await test.register()
            #expect(await redeem(try #require(codes.first), test, as: person).code == "access-code-ended")
        }
    }

    @Test(arguments: Engine.available)
    func `attempts are limited by account and by network`(engine: Engine) async throws {
        try await withTestApp(engine, change: { $0.limitsRates = true }) { test in
            let person = try await test.register()
            var statuses: [Int] = []
            for index in 0..<6 {
                let response = await redeem(
                    "AUTOOS-AAAA-AAAA-AAAA-AAA\(index + 2)", test, as: person, address: "198.51.100.\(index)")
                statuses.append(response.status)
            }
            #expect(statuses == [404, 404, 404, 404, 404, 429])
            // Many accounts of one network find none either.
            var limited = 0
            for number in 0..<8 {
                let other = try await test.register("other\(number)")
                for _ in 0..<5 where await redeem("AUTOOS-AAAA", test, as: other).status == 429 { limited += 1 }
            }
            #expect(limited == 10)
        }
    }

    @Test(arguments: Engine.available)
    func `a code is of the organisation that redeems it, and another one learns nothing of it`(engine: Engine)
        async throws
    {
        try await withTestApp(engine) { test in
            let (owner, other) = (try await test.register("owner"), try await test.register("other"))
            let (codes, made) = try await make(["plan": "student"], test)
            let code = try #require(codes.first)
            // Not for an organisation that is not the caller's.
            let foreign = await test.call(
                "POST", "/v1/payments/redeem-code", json: ["code": .string(code)], token: other.token,
                headers: ["X-Organisation": owner.organisation])
            #expect(foreign.status == 403 && foreign.code == "not-a-member", "\(foreign)")
            let redeemed = await redeem(code, test, as: owner)
            #expect(redeemed.status == 200, "\(redeemed)")
            let refused = await redeem(code, test, as: other)
            #expect(refused.code == "access-code-ended" && refused["subscription"] == nil, "\(refused)")
            #expect(!refused.text.contains(owner.organisation))
            // Administrators alone see who has used it, or end codes.
            let id = made["codes"]?[0]?["access_code"]?["id"]?.string ?? ""
            #expect(await test.call("DELETE", "/v1/admin/access-codes/\(id)", token: owner.token).status == 403)
            let administrator = try await test.administrator()
            let list = await test.call("GET", "/v1/admin/access-codes?status=used", token: administrator.token)
            #expect(list["data"]?[0]?["used_by_organisation_id"] == .string(owner.organisation), "\(list)")
            #expect(await test.call("POST", "/v1/payments/redeem-code", json: ["code": .string(code)]).status == 401)
        }
    }

    @Test func `codes are read as people type them`() throws {
        let text = AccessCodeText(random: [0, 1, 2, 3, 4, 5, 6, 7, 8, 255])
        #expect(AccessCodeText("\(text)") == text)
        #expect(AccessCodeText("\(text)".dropFirst(7).replacing("-", with: " ").lowercased()) == text)
        let typed = "AUTOOS-OIBA-AAAA-AAAA-AAAA"
        #expect(AccessCodeText(typed.replacing("OIBA", with: "018A")) == AccessCodeText(typed))
        for wrong in ["", "AUTOOS", "AUTOOS-AAAA-AAAA-AAAA-AAA", "AUTOOS-AAAA-AAAA-AAAA-AAA9", "AAAA-AAAA-AAAA-AAAÄ"] {
            #expect(AccessCodeText(wrong) == nil, "\(wrong)")
        }
    }
}
