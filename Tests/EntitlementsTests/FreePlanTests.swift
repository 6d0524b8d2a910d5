import App
import Base
import Identity
import Modules
import TestKit
import Testing

@testable import Entitlements

/// A plan without payment counts once per person.
@Suite struct FreePlanTests {
    private func subscribe(_ app: TestApp, _ person: TestPerson, in organisation: String) async -> TestResponse {
        await app.call(
            "POST", "/v1/payments/subscribe", json: ["plan": "free"], token: person.token,
            headers: ["X-Organisation": organisation])
    }

    private func organisation(of owner: TestPerson, _ app: TestApp) async throws -> String {
        let response = await app.call(
            "POST", "/v1/organisations", json: ["name": "Second organisation"], token: owner.token)
        guard let id = response["id"]?.string else { throw UnexpectedResponse(response) }
        return id
    }

    private func count(_ app: TestApp, _ rows: SQL) async throws -> Int64 {
        try await app.app.database.read { try $0.count("SELECT COUNT(*) AS count FROM \(rows)") }
    }

    @Test(arguments: Engine.available)
    func `a person starts Free in one organisation, repeatedly, and in no other`(engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let (first, second) = (try await organisation(of: person, app), try await organisation(of: person, app))
            #expect(await subscribe(app, person, in: first).status == 201)
            for other in [second, person.organisation] {
                let refused = await subscribe(app, person, in: other)
                #expect(refused.status == 409 && refused.code == "free-plan-used", "\(refused)")
            }
            #expect(try await count(app, "subscriptions") == 1)
            // Cancelled and started again where it was started first.
            let cancelled = await app.call(
                "POST", "/v1/payments/cancel-subscription", json: ["immediate": true], token: person.token,
                headers: ["X-Organisation": first])
            #expect(cancelled.status == 200)
            #expect(await subscribe(app, person, in: second).code == "free-plan-used")
            #expect(await subscribe(app, person, in: first).status == 201)
            // Another person starts it in an organisation of their own.
            let other = try await app.register("other")
            #expect(await subscribe(app, other, in: other.organisation).status == 201)
            #expect(try await Invariants.faults(in: app.app.database) == [])
        }
    }

    @Test(arguments: Engine.available)
    func `of concurrent starts in several organisations one succeeds`(engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            var organisations = [person.organisation]
            for _ in 0..<7 { organisations.append(try await organisation(of: person, app)) }
            let statuses = await withTaskGroup(of: Int.self) { group in
                for id in organisations { group.addTask { await self.subscribe(app, person, in: id).status } }
                return await group.reduce(into: [Int: Int]()) { $0[$1, default: 0] += 1 }
            }
            #expect(statuses == [201: 1, 409: 7])
            #expect(try await count(app, "subscriptions") == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `a trial that was started elsewhere is not changed to a second Free`(engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let other = try await organisation(of: person, app)
            let header = ["X-Organisation": other]
            #expect(await subscribe(app, person, in: person.organisation).status == 201)
            #expect(
                await app.call("POST", "/v1/payments/start-trial", token: person.token, headers: header).status == 201)
            let refused = await app.call(
                "POST", "/v1/payments/upgrade", json: ["plan": "free"], token: person.token, headers: header)
            #expect(refused.status == 409 && refused.code == "free-plan-used", "\(refused)")
            #expect(await app.call("GET", "/v1/usage", token: person.token, headers: header)["plan"] == "Trial")
            // The one trial of the person has been used, also in the personal organisation.
            _ = await app.call(
                "POST", "/v1/payments/cancel-subscription", json: ["immediate": true], token: person.token)
            #expect(await app.call("POST", "/v1/payments/start-trial", token: person.token).code == "trial-used")
        }
    }

    @Test(arguments: Engine.available)
    func `an account that is not verified starts Free in its personal organisation alone, and no trial`(
        engine: Engine
    ) async throws {
        try await withTestApp(engine) { app in
            // The organisation is made while the address counts as verified; then the row is set back.
            let person = try await app.register()
            let other = try await organisation(of: person, app)
            try await app.setVerified(false, person)
            let refused = await subscribe(app, person, in: other)
            #expect(refused.status == 403 && refused.code == "email-not-verified", "\(refused)")
            let trial = await app.call("POST", "/v1/payments/start-trial", token: person.token)
            #expect(trial.code == "email-not-verified")
            #expect(try await count(app, "subscriptions") == 0)
            #expect(try await count(app, "free_plan_starts") == 0)
            #expect(await subscribe(app, person, in: person.organisation).status == 201)
            #expect(await app.call("GET", "/v1/usage", token: person.token)["plan"] == "Free")
        }
    }
}
