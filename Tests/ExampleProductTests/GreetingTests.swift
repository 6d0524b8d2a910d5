import Greetings
import Modules
import TestKit
import Testing

@Suite struct GreetingTests {
    @Test(arguments: Engine.available)
    func `an order reserves a unit, and the written greeting commits it`(engine: Engine) async throws {
        try await withGreetings(engine) { greetings in
            let order = await greetings.order("Ada")
            #expect(order.status == 202, "\(order)")
            let path = try #require(order.headers["location"])
            #expect(order["state"] == "queued")
            #expect(await greetings.level() == [0, 1])
            try await greetings.runJobs()
            let greeting = await greetings.get(path, token: greetings.account.token)
            #expect(greeting["state"] == "written" && greeting["text"] == "Hello, Ada!", "\(greeting)")
            #expect(await greetings.level() == [1, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `a greeting that fails releases its unit`(engine: Engine) async throws {
        try await withGreetings(engine) { greetings in
            let path = try #require(await greetings.order("123").headers["location"])
            try await greetings.runJobs()
            #expect(await greetings.get(path, token: greetings.account.token)["state"] == "failed")
            #expect(await greetings.level() == [0, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `a spent quota is refused with 403, and nothing is inserted`(engine: Engine) async throws {
        try await withGreetings(engine) { greetings in
            for name in ["Ada", "Grace"] { #expect(await greetings.order(name).status == 202) }
            let refusal = await greetings.order("Alan")
            #expect(refusal.status == 403 && refusal.code == "quota-exceeded", "\(refusal)")
            let list = await greetings.get("/v1/greetings", token: greetings.account.token)
            #expect(list["greetings"]?.array?.count == 2)
        }
    }

    @Test(arguments: Engine.available)
    func `the gate refuses before the body is read`(engine: Engine) async throws {
        try await withGreetings(engine) { greetings in
            #expect(await greetings.get("/v1/greetings", token: nil).status == 401)
            let withoutPlan = try await greetings.test.register()
            let refusal = await greetings.order("", as: withoutPlan)
            #expect(refusal.code == "no-active-subscription")
            #expect(await greetings.order("").code == "validation-failed")
        }
    }

    @Test(arguments: Engine.available)
    func `a greeting of another organisation is answered with 404`(engine: Engine) async throws {
        try await withGreetings(engine) { greetings in
            let path = try #require(await greetings.order("Ada").headers["location"])
            let other = try await greetings.test.register()
            #expect(await greetings.get(path, token: other.token).status == 404)
        }
    }

    @Test(arguments: Engine.available)
    func `the daily job deletes greetings after 30 days`(engine: Engine) async throws {
        try await withGreetings(engine) { greetings in
            let path = try #require(await greetings.order("Ada").headers["location"])
            try await greetings.runJobs()
            greetings.test.clock.advance(by: .days(31))
            try await greetings.runJobs()
            let token = try await greetings.test.signIn(greetings.account)
            #expect(await greetings.get(path, token: token).status == 404)
        }
    }
}

extension TestApp {
    /// A new access token, because the tests' clock moves beyond the lifetime of the first one.
    func signIn(_ account: TestPerson) async throws -> String {
        let response = await call(
            "POST", "/v1/auth/login", json: ["email": .string(account.email), "password": .string(account.password)])
        guard let token = response["access_token"]?.string else { throw UnexpectedResponse(response) }
        return token
    }
}
