import App
import Base
import Identity
import Modules
import TestKit
import Testing

@testable import Entitlements

@Suite struct CreditGateTests {
    @Test(arguments: Engine.available)
    func `a trial has ten credits, each is spent once, and the eleventh is refused in full`(engine: Engine) async throws
    {
        try await withTrialPurse(engine) { purse in
            let (app, token, shop) = (purse.app, purse.person.token, CreditProductFixture(purse.app))
            let before = try await purse.balance()
            #expect(before == [10, 0, 0])
            for number in 1...10 {
                let response = await app.call("POST", "/v1/ideas", token: token, through: shop.door)
                #expect(response.status == 201 && response["remaining"]?.integer == Int64(10 - number), "\(response)")
            }
            let refused = await app.call(
                "POST", "/v1/ideas", token: token, headers: ["X-Request-ID": "request-0001"], through: shop.door)
            #expect(
                refused.json == [
                    "type": "/problems/credits-exhausted",
                    "title": "Trial credits exhausted. Please upgrade to continue.",
                    "error": "Trial credits exhausted. Please upgrade to continue.", "status": 403,
                    "code": "credits-exhausted",
                    "request_id": "request-0001", "balance": 0, "detail": "This takes 1, and 0 are available.",
                ]
            )
            #expect(try await purse.balance() == [0, 0, 0])
            #expect(try await purse.lots() == [[0, 0, 10, 0, 0]])
        }
    }

    @Test(arguments: Engine.available)
    func `without a trial or a subscription the answer is 402, also when the trial has ended`(engine: Engine)
        async throws
    {
        try await withTrialPurse(engine) { purse in
            let (app, shop) = (purse.app, CreditProductFixture(purse.app))
            let nobody = try await app.register("nobody")
            purse.app.clock.advance(by: .days(30))
            for token in [nobody.token, purse.person.token] {
                for path in ["/v1/ideas", "/v1/dreams", "/v1/journeys"] {
                    let refused = await app.call(
                        "POST", path, token: token, headers: ["X-Request-ID": "request-0002"], through: shop.door)
                    #expect(
                        refused.json == [
                            "type": "/problems/subscription-required", "title": "Active subscription required",
                            "error": "Active subscription required",
                            "status": 402, "code": "subscription-required", "request_id": "request-0002",
                            "detail":
                                "Verify your e-mail address to start a trial, or start a plan: GET /v1/plans lists them.",
                        ], "\(path)")
                }
            }
            #expect(await app.call("POST", "/v1/ideas", through: shop.door).status == 401)
        }
    }

    @Test(arguments: Engine.available)
    func `a subscription covers what trials pay for, and pays where a door says so`(engine: Engine) async throws {
        try await withPurse(engine) { purse in
            let (app, token, shop) = (purse.app, purse.person.token, CreditProductFixture(purse.app))
            try await purse.grant(4)
            for path in ["/v1/ideas", "/v1/journeys"] {
                let response = await app.call(
                    "POST", path, json: path == "/v1/journeys" ? ["plan": "x"] : nil, token: token, through: shop.door)
                #expect(
                    response.status == 201 && response["remaining"]?.integer == 4 && response["hold"] == nil,
                    "\(response)")
            }
            #expect(await app.call("POST", "/v1/dreams", token: token, through: shop.door)["remaining"]?.integer == 1)
            let refused = await app.call("POST", "/v1/dreams", token: token, through: shop.door)
            #expect(
                refused.status == 403 && refused["balance"]?.integer == 1
                    && refused["title"] == "Credits exhausted. Please add more to continue.")
            #expect(try await purse.lots() == [[1, 0, 3, 0, 0]])
        }
    }

    @Test(arguments: Engine.available)
    func `the same key is charged once, is let through to its own answer, and is good for one purpose`(engine: Engine)
        async throws
    {
        try await withTrialPurse(engine) { purse in
            let (app, token, shop) = (purse.app, purse.person.token, CreditProductFixture(purse.app))
            func begin(_ key: String, _ plan: String = "north") async -> TestResponse {
                await app.call(
                    "POST", "/v1/journeys", json: ["plan": .string(plan)], token: token,
                    headers: ["Idempotency-Key": key], through: shop.door)
            }
            let first = await begin("a")
            #expect(first.status == 201 && first["remaining"]?.integer == 6)
            #expect(await begin("b").status == 201)
            // Two are left: a new journey finds no room, one that was begun is let through.
            #expect(await begin("c").code == "credits-exhausted")
            #expect(await begin("a")["hold"] == first["hold"])
            #expect(await begin("a", "south").code == "operation-conflict")
            let held = try await purse.balance()
            #expect(held == [2, 8, 0])
            for _ in 1...2 {
                let spent = await app.call(
                    "POST", "/v1/ideas", token: token, headers: ["Idempotency-Key": "d"], through: shop.door)
                #expect(spent.status == 201 || spent.code == "operation-conflict")
            }
            #expect(try await purse.balance() == [1, 8, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `forty at once on ten credits: ten are admitted`(engine: Engine) async throws {
        try await withTrialPurse(engine) { purse in
            let (app, token, shop) = (purse.app, purse.person.token, CreditProductFixture(purse.app))
            let charge = try await purse.charge()
            let admitted = await withTaskGroup(of: Bool.self) { group in
                for number in 0..<40 {
                    group.addTask {
                        // Through the door, and past it with a proof that was true when it was made.
                        if number.isMultiple(of: 2) {
                            return await app.call("POST", "/v1/ideas", token: token, through: shop.door).status == 201
                        }
                        return (try? await purse.reserve(charge, "test:\(number)")) != nil
                    }
                }
                return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(admitted == 10)
            let balance = try await purse.balance()
            #expect(balance[0] == 0 && balance[2] == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `the routes say what they cost`(engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let dreams = try #require(CreditProductFixture(app).door.routes.first { $0.path == "/v1/dreams" })
            #expect(dreams.gate.map(\.kind) == [.member, .credits, .header] && dreams.gate[1].name == "3")
            #expect(dreams.problems.contains(.creditsExhausted) && dreams.problems.contains(.subscriptionRequired))
        }
    }
}
