import App
import Base
import Identity
import Modules
import TestKit
import Testing

@testable import Entitlements

@Suite struct CreditGateTests {
    @Test(arguments: Engine.available)
    func `a trial has ten credits, and the eleventh spending is refused with the complete problem`(engine: Engine)
        async throws
    {
        try await withTrialCreditFixture(engine) { credits in
            let (app, token, product) = (credits.app, credits.person.token, CreditRoutesFixture(credits.app))
            let before = try await credits.balance()
            #expect(before == [10, 0, 0])
            for number in 1...10 {
                let response = await app.call("POST", "/v1/ideas", token: token, through: product.dispatcher)
                #expect(response.status == 201 && response["remaining"]?.integer == Int64(10 - number), "\(response)")
            }
            let refused = await app.call(
                "POST", "/v1/ideas", token: token, headers: ["X-Request-ID": "request-0001"],
                through: product.dispatcher)
            #expect(
                refused.json == [
                    "type": "/problems/credits-exhausted",
                    "title": "Trial credits exhausted. Please upgrade to continue.",
                    "error": "Trial credits exhausted. Please upgrade to continue.", "status": 403,
                    "code": "credits-exhausted",
                    "request_id": "request-0001", "balance": 0, "required": 1,
                    "detail": "Trial credits exhausted. Please upgrade to continue.",
                ]
            )
            #expect(try await credits.balance() == [0, 0, 0])
            #expect(try await credits.lots() == [[0, 0, 10, 0, 0]])
        }
    }

    @Test(arguments: Engine.available)
    func `without a trial or a subscription the response is 402, also after the end of the trial`(engine: Engine)
        async throws
    {
        try await withTrialCreditFixture(engine) { credits in
            let (app, product) = (credits.app, CreditRoutesFixture(credits.app))
            let unsubscribed = try await app.register("unsubscribed")
            credits.app.clock.advance(by: .days(30))
            for token in [unsubscribed.token, credits.person.token] {
                for path in ["/v1/ideas", "/v1/dreams", "/v1/journeys"] {
                    let refused = await app.call(
                        "POST", path, token: token, headers: ["X-Request-ID": "request-0002"],
                        through: product.dispatcher)
                    #expect(
                        refused.json == [
                            "type": "/problems/subscription-required", "title": "Active subscription required",
                            "error": "Active subscription required",
                            "status": 402, "code": "subscription-required", "request_id": "request-0002",
                            "detail": "Active subscription required. Please upgrade to continue.",
                            "plans": "/v1/plans",
                        ], "\(path)")
                }
            }
            #expect(await app.call("POST", "/v1/ideas", through: product.dispatcher).status == 401)
        }
    }

    @Test(arguments: Engine.available)
    func `a subscription covers the credits of a trial, and pays at routes for every payer`(engine: Engine) async throws
    {
        try await withCreditFixture(engine) { credits in
            let (app, token, product) = (credits.app, credits.person.token, CreditRoutesFixture(credits.app))
            try await credits.grant(4)
            for path in ["/v1/ideas", "/v1/journeys"] {
                let response = await app.call(
                    "POST", path, json: path == "/v1/journeys" ? ["plan": "x"] : nil, token: token,
                    through: product.dispatcher)
                #expect(
                    response.status == 201 && response["remaining"]?.integer == 4 && response["hold"] == nil,
                    "\(response)")
            }
            #expect(
                await app.call("POST", "/v1/dreams", token: token, through: product.dispatcher)["remaining"]?.integer
                    == 1)
            let refused = await app.call("POST", "/v1/dreams", token: token, through: product.dispatcher)
            #expect(
                refused.status == 403 && refused["balance"]?.integer == 1
                    && refused["title"] == "Credits exhausted. Please add more to continue.")
            #expect(try await credits.lots() == [[1, 0, 3, 0, 0]])
        }
    }

    @Test(arguments: Engine.available)
    func `an idempotency key is charged once, gets its response again, and conflicts with another payload`(
        engine: Engine
    )
        async throws
    {
        try await withTrialCreditFixture(engine) { credits in
            let (app, token, product) = (credits.app, credits.person.token, CreditRoutesFixture(credits.app))
            func start(_ key: String, _ plan: String = "north") async -> TestResponse {
                await app.call(
                    "POST", "/v1/journeys", json: ["plan": .string(plan)], token: token,
                    headers: ["Idempotency-Key": key], through: product.dispatcher)
            }
            let first = await start("a")
            #expect(first.status == 201 && first["remaining"]?.integer == 6)
            #expect(await start("b").status == 201)
            // Two credits remain: a new reservation is refused, a repeated one is admitted.
            #expect(await start("c").code == "credits-exhausted")
            #expect(await start("a")["hold"] == first["hold"])
            #expect(await start("a", "south").code == "operation-conflict")
            let held = try await credits.balance()
            #expect(held == [2, 8, 0])
            for _ in 1...2 {
                let spent = await app.call(
                    "POST", "/v1/ideas", token: token, headers: ["Idempotency-Key": "d"], through: product.dispatcher)
                #expect(spent.status == 201 || spent.code == "operation-conflict")
            }
            #expect(try await credits.balance() == [1, 8, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `of forty concurrent requests on ten credits ten are admitted`(engine: Engine) async throws {
        try await withTrialCreditFixture(engine) { credits in
            let (app, token, product) = (credits.app, credits.person.token, CreditRoutesFixture(credits.app))
            let charge = try await credits.charge()
            let admitted = await withTaskGroup(of: Bool.self) { group in
                for number in 0..<40 {
                    group.addTask {
                        // Half of them over HTTP, half with a charge that was checked before.
                        if number.isMultiple(of: 2) {
                            return await app.call("POST", "/v1/ideas", token: token, through: product.dispatcher).status
                                == 201
                        }
                        return (try? await credits.reserve(charge, "test:\(number)")) != nil
                    }
                }
                return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(admitted == 10)
            let balance = try await credits.balance()
            #expect(balance[0] == 0 && balance[2] == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `the routes document their cost`(engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let dreams = try #require(CreditRoutesFixture(app).dispatcher.routes.first { $0.path == "/v1/dreams" })
            #expect(dreams.gate.map(\.kind) == [.member, .credits, .header] && dreams.gate[1].name == "3")
            #expect(dreams.problems.contains(.creditsExhausted) && dreams.problems.contains(.subscriptionRequired))
        }
    }
}
