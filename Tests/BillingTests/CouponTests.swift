import App
import Base
import Entitlements
import Identity
import Modules
import TestKit
import Testing

@testable import Billing

@Suite struct CouponTests {
    private func organisation(_ person: TestPerson) throws -> ID<Organisation> { try #require(ID(person.organisation)) }

    private func make(_ body: JSONValue, _ test: TestApp, as administrator: TestPerson) async -> TestResponse {
        await test.call("POST", "/v1/admin/coupons", json: body, token: administrator.token)
    }

    private func redeem(
        _ code: String, _ organisation: ID<Organisation>, _ test: TestApp, plan: String = "student",
        amount: Int64 = 999, currency: String = "usd", operation: String = "subscribe:1"
    ) async throws -> CouponRedemption {
        let price = Money(amount, try #require(Currency(currency)))
        return try await test.app.database.write {
            try test.app.billing.coupons.redeem(
                code, for: Plan.ID(plan), amount: price, by: organisation, operation: operation, in: $0)
        }
    }

    private func requireInvariants(_ test: TestApp) async throws {
        let faults = try await allInvariants.faults(in: test.app.database)
        #expect(faults == [])
    }

    @Test(arguments: Engine.available)
    func `administrators make, list and end coupons`(engine: Engine) async throws {
        try await withTestApp(engine) { test in
            let administrator = try await test.administrator()
            let person = try await test.register()
            let body: JSONValue = ["code": "spring-26", "percent": 12.5, "duration": "once", "max_redemptions": 2]
            #expect(await make(body, test, as: person).status == 403)
            let made = await make(body, test, as: administrator)
            #expect(made.status == 201 && made["code"] == "SPRING-26" && made["percent"] == 12.5, "\(made)")
            #expect(await make(body, test, as: administrator).status == 409)
            for (wrong, pointer) in [
                (["code": "a b", "percent": 5, "duration": "once"], "/code"),
                (["code": "abc", "percent": 100.5, "duration": "once"], "/percent"),
                (["code": "abc", "percent": 0.00001, "duration": "once"], "/percent"),
                (["code": "abc", "percent": 5, "amount_minor": 5, "duration": "once"], "/percent"),
                (["code": "abc", "amount_minor": 5, "duration": "once"], ""),
                (["code": "abc", "amount_minor": 5, "currency": "zzz", "duration": "once"], "/currency"),
                (
                    ["code": "abc", "amount_minor": 100_000_000, "currency": "usd", "duration": "once"],
                    "/amount_minor"
                ),
                (["code": "abc", "amount_minor": 1_003, "currency": "kwd", "duration": "once"], "/amount_minor"),
                (["code": "abc", "percent": 5, "duration": "repeating"], "/duration_months"),
                (["code": "abc", "percent": 5, "duration": "once", "plans": ["nothing"]], "/plans/0"),
            ] as [(JSONValue, String)] {
                let refusal = await make(wrong, test, as: administrator)
                #expect(refusal.status == 422 && refusal["errors"]?[0]?["pointer"] == .string(pointer), "\(refusal)")
            }
            let id = try #require(made["id"]?.string)
            let ended = await test.call("DELETE", "/v1/admin/coupons/\(id)", token: administrator.token)
            #expect(ended.status == 200 && ended["active"] == false)
            await #expect {
                _ = try await redeem("spring-26", try organisation(person), test)
            } throws: { ($0 as? Problem)?.kind == .couponEnded }
        }
    }

    @Test(arguments: Engine.available)
    func `of organisations that take the last redemption at once, one has it`(engine: Engine) async throws {
        try await withTestApp(engine) { test in
            let administrator = try await test.administrator()
            let body: JSONValue = [
                "code": "LAST", "amount_minor": 500, "currency": "usd", "duration": "forever", "max_redemptions": 3,
            ]
            #expect(await make(body, test, as: administrator).status == 201)
            let outcomes = await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<12 {
                    let organisation: ID<Organisation> = Runtime.system.id()
                    group.addTask { (try? await redeem("last", organisation, test)) != nil }
                }
                return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(outcomes == 3)
            try await requireInvariants(test)
        }
    }

    @Test(arguments: Engine.available)
    func `an organisation takes a coupon once, and again after a release`(engine: Engine) async throws {
        try await withTestApp(engine) { test in
            let administrator = try await test.administrator()
            let mine = try organisation(try await test.register())
            let body: JSONValue = [
                "code": "ONCE", "amount_minor": 500, "currency": "usd", "duration": "repeating", "duration_months": 3,
                "plans": ["student", "employee"],
            ]
            #expect(await make(body, test, as: administrator).status == 201)
            let first = try await redeem("once", mine, test)
            #expect(try await redeem(" ONCE", mine, test).id == first.id)
            func refusal(_ body: () async throws -> CouponRedemption) async -> Problem.Kind? {
                do {
                    _ = try await body()
                    return nil
                } catch { return (error as? Problem)?.kind }
            }
            #expect(await refusal { try await redeem("once", mine, test, operation: "subscribe:2") } == .couponUsed)
            let other: ID<Organisation> = Runtime.system.id()
            #expect(await refusal { try await redeem("once", other, test, plan: "professional") } == .couponNotForPlan)
            #expect(await refusal { try await redeem("once", other, test, currency: "inr") } == .couponNotForPlan)
            #expect(await refusal { try await redeem("twice", other, test) } == .couponNotFound)
            for _ in 0..<2 {
                try await test.app.database.write {
                    try test.app.billing.coupons.release(operation: "subscribe:1", of: mine, in: $0)
                }
            }
            #expect(try await redeem("once", mine, test, operation: "subscribe:2").coupon.redemptions == 0)
            try await requireInvariants(test)

            let amount = Money(300, try #require(Currency("usd")))
            let start = first.redeemedAt
            #expect(first.reduction(of: amount, forPeriodFrom: start, isFirst: true) == 300)
            #expect(first.reduction(of: amount, forPeriodFrom: start + .days(62), isFirst: false) == 300)
            #expect(first.reduction(of: amount, forPeriodFrom: start + .days(93), isFirst: false) == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `a coupon is taken and released once, whatever step fails`(engine: Engine) async throws {
        let loop = FaultLoop.ofMoney
        try await withTestApp(engine, databaseWrapper: loop.wrap) { test in
            let administrator = try await test.administrator()
            let mine = try organisation(try await test.register())
            let body: JSONValue = ["code": "LAST", "percent": 50, "duration": "once", "max_redemptions": 1]
            #expect(await make(body, test, as: administrator).status == 201)
            func redemptions() async throws -> Int64? {
                try await test.app.database.read { try $0.coupon(code: "LAST")?.redemptions }
            }
            try await loop.run("redemption", on: test, atLeast: 5) { _ = try await redeem("last", mine, test) }
            #expect(try await redemptions() == 1)
            try await loop.run("release", on: test, atLeast: 2) {
                try await test.app.database.write {
                    try test.app.billing.coupons.release(operation: "subscribe:1", of: mine, in: $0)
                }
            }
            #expect(try await redemptions() == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `a preview shows price, discount and total, and takes nothing`(engine: Engine) async throws {
        try await withTestApp(engine) { test in
            let administrator = try await test.administrator()
            let person = try await test.register()
            let body: JSONValue = ["code": "TEN", "percent": 10, "duration": "once", "max_redemptions": 1]
            #expect(await make(body, test, as: administrator).status == 201)
            let path = "/v1/payments/coupons/ten?plan=student"
            for _ in 0..<2 {
                let preview = await test.call("GET", path, token: person.token)
                #expect(preview["price"] == 9.99 && preview["discount_minor"] == 100, "\(preview)")
                #expect(preview["total"] == 8.99 && preview["total_minor"] == 899 && preview["currency"] == "usd")
            }
            let regional = await test.call("GET", "\(path)&region=IN&cycle=yearly", token: person.token)
            #expect(regional["price_minor"] == 799_900 && regional["currency"] == "inr", "\(regional)")
            let unknown = await test.call("GET", "/v1/payments/coupons/eleven?plan=student", token: person.token)
            #expect(unknown.code == "coupon-not-found")
            let free = await test.call("GET", "/v1/payments/coupons/ten?plan=free", token: person.token)
            #expect(free.code == "plan-not-found")
        }
    }

    /// What redemptions and releases do, without a database.
    private struct Model {
        var max: Int
        var taken: [Int: Int] = [:]

        mutating func redeem(_ organisation: Int, operation: Int, isExpired: Bool) -> Bool {
            if taken[organisation] == operation { return true }
            guard !isExpired, taken[organisation] == nil, taken.count < max else { return false }
            taken[organisation] = operation
            return true
        }

        mutating func release(_ organisation: Int, operation: Int) {
            if taken[organisation] == operation { taken[organisation] = nil }
        }
    }

    @Test(arguments: Engine.available)
    func `a random walk agrees with a plain model`(engine: Engine) async throws {
        // The clock moves beyond the usual lifetime of the administrator's token.
        try await withTestApp(engine, change: { $0.accessTokenLifetime = .days(365) }) { test in
            let administrator = try await test.administrator()
            let organisations = (0..<6).map { _ in Runtime.system.id() as ID<Organisation> }
            var random = SplitMix(seed: 7)
            for walk in 0..<3 {
                let max = Int.random(in: 1...4, using: &random)
                let expiry = test.clock.now + .hours(100)
                let body: JSONValue = [
                    "code": .string("WALK-\(walk)"), "percent": 50, "duration": "once",
                    "max_redemptions": .integer(Int64(max)), "expires_at": .string(expiry.description),
                ]
                #expect(await make(body, test, as: administrator).status == 201)
                var model = Model(max: max)
                for step in 0..<120 {
                    let (who, operation) = (
                        Int.random(in: 0..<6, using: &random), Int.random(in: 0..<3, using: &random)
                    )
                    let key = "walk:\(walk):\(who):\(operation)"
                    if Int.random(in: 0..<3, using: &random) == 0 {
                        model.release(who, operation: operation)
                        try await test.app.database.write {
                            try test.app.billing.coupons.release(operation: key, of: organisations[who], in: $0)
                        }
                    } else {
                        let expected = model.redeem(who, operation: operation, isExpired: test.clock.now >= expiry)
                        let redemption = try? await redeem("walk-\(walk)", organisations[who], test, operation: key)
                        #expect((redemption != nil) == expected, "walk \(walk), step \(step)")
                    }
                    if Int.random(in: 0..<10, using: &random) == 0 { test.clock.advance(by: .hours(7)) }
                }
                let counted = try await test.app.database.read { try $0.coupon(code: "WALK-\(walk)")?.redemptions }
                #expect(counted == Int64(model.taken.count))
                try await requireInvariants(test)
            }
        }
    }
}
