import App
import Base
import Identity
import Modules
import TestKit
import Testing

@testable import Entitlements

@Suite struct CreditTests {
    @Test(arguments: Engine.available)
    func `what expires soonest is spent first, and what never expires last`(engine: Engine) async throws {
        try await withPurse(engine) { purse in
            try await purse.grant(5)
            try await purse.grant(5, expiresIn: 20)
            try await purse.grant(5, expiresIn: 10)
            try await purse.spend(try await purse.charge(7), "test:a")
            #expect(try await purse.lots() == [[3, 0, 2, 0, 0], [5, 0, 0, 0, 0], [0, 0, 5, 0, 0]])
            let view = await purse.app.call("GET", "/v1/credits", token: purse.person.token)
            #expect(view["next_expiry"] == ["at": .string((purse.app.clock.now + .days(20)).description), "units": 3])
            // Ten days on nothing is lost, twenty days on three are, and the rest stays for ever.
            purse.app.clock.advance(by: .days(10))
            #expect(try await purse.balance() == [8, 0, 0])
            purse.app.clock.advance(by: .days(10))
            #expect(try await purse.balance() == [5, 0, 0])
            try await purse.app.runJobs()
            #expect(try await purse.balance() == [5, 0, 0])
            purse.app.clock.advance(by: .days(700))
            try await purse.app.runJobs()
            #expect(try await purse.lots() == [[5, 0, 0, 0, 0], [0, 0, 5, 0, 0], [0, 0, 2, 3, 0]])
        }
    }

    @Test(arguments: Engine.available)
    func `less than was held gives the rest back, more takes what else there is, and what is missing is owed`(
        engine: Engine
    ) async throws {
        try await withPurse(engine) { purse in
            try await purse.grant(10)
            let charge = try await purse.charge(4)
            let (less, more, most) = (
                try await purse.reserve(charge), try await purse.reserve(try await purse.charge(2)),
                try await purse.reserve(charge)
            )
            #expect(try await purse.balance() == [0, 10, 0])
            for _ in 1...2 { try await purse.commit(less, 1) }
            #expect(try await purse.balance() == [3, 6, 0])
            try await purse.commit(more, 4)
            #expect(try await purse.balance() == [1, 4, 0])
            try await purse.commit(most, 8)
            #expect(try await purse.balance() == [0, 0, 3])
            #expect(try await purse.lots() == [[0, 0, 10, 0, 0]])
            // While something is owed there is nothing to have; what comes pays it first.
            let refused = await problem { _ = try await purse.charge(1) }
            #expect(refused?.kind == .creditsExhausted && refused?.members["balance"] == -3)
            await expectProblem(.creditsExhausted) { _ = try await purse.reserve(charge) }
            try await purse.grant(2)
            #expect(try await purse.balance() == [0, 0, 1])
            try await purse.grant(5)
            #expect(try await purse.balance() == [4, 0, 0])
            try await purse.spend(try await purse.charge(4), "test:rest")
            await expectProblem(.notFound) { try await purse.commit(ID(trusted: purse.person.organisation), 1) }
            let other = CreditFixture(app: purse.app, person: try await purse.app.subscriber("pro", "other"))
            await expectProblem(.notFound) { try await other.release(less) }
        }
    }

    @Test(arguments: Engine.available)
    func `a hold outlives its lot, and what is given back of it has expired`(engine: Engine) async throws {
        try await withPurse(engine) { purse in
            try await purse.grant(6, expiresIn: 1)
            let (kept, dropped) = (
                try await purse.reserve(try await purse.charge(3)), try await purse.reserve(try await purse.charge(2))
            )
            for hours in [5, 5, 5, 5, 5] as [Int64] {
                purse.app.clock.advance(by: .hours(hours))
                try await purse.database.write { [book = purse.book, organisation = purse.organisation] transaction in
                    for hold in [kept, dropped] { try book.extend(hold, of: organisation, in: transaction) }
                }
            }
            try await purse.app.runJobs()
            #expect(try await purse.lots() == [[0, 5, 0, 1, 0]])
            try await purse.commit(kept, 2)
            for _ in 1...2 { try await purse.release(dropped) }
            #expect(try await purse.lots() == [[0, 0, 2, 4, 0]])
        }
    }

    @Test(arguments: Engine.available)
    func `a lease that ends gives back, and work that ends later still pays`(engine: Engine) async throws {
        try await withPurse(engine) { purse in
            try await purse.grant(5)
            let hold = try await purse.reserve(try await purse.charge(4))
            purse.app.clock.advance(by: CreditService.lease)
            try await purse.app.runJobs()
            #expect(try await purse.balance() == [1, 4, 0])
            purse.app.clock.advance(by: .minutes(2))
            try await purse.app.runJobs()
            #expect(try await purse.balance() == [5, 0, 0])
            try await purse.spend(try await purse.charge(3), "test:others")
            for _ in 1...2 { try await purse.commit(hold, 4) }
            #expect(try await purse.balance() == [0, 0, 2])
            try await purse.release(hold)
            #expect(try await purse.balance() == [0, 0, 2])
        }
    }

    @Test(arguments: Engine.available)
    func `a grant is given once for its operation`(engine: Engine) async throws {
        try await withPurse(engine) { purse in
            #expect(try await purse.grant(5, "payment:1") != nil)
            #expect(try await purse.grant(5, "payment:1") == nil)
            #expect(try await purse.balance() == [5, 0, 0])
            let charge = try await purse.charge()
            try await purse.spend(charge, "test:a")
            await expectProblem(.operationConflict) { try await purse.spend(charge, "test:a") }
            #expect(try await purse.balance() == [4, 0, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `the history tells every step, and where the credits were at any moment`(engine: Engine) async throws {
        try await withPurse(engine) { purse in
            let (app, token, start) = (purse.app, purse.person.token, purse.app.clock.now)
            try await purse.grant(10, expiresIn: 3)
            app.clock.advance(by: .days(1))
            let hold = try await purse.reserve(try await purse.charge(4), "test:work")
            app.clock.advance(by: .hours(1))
            try await purse.commit(hold, 3)
            // Nobody looks for days: what expired did so when it expired, and not when somebody came by.
            app.clock.advance(by: .days(9))
            try await app.runJobs()
            func position(_ after: Duration) async -> [Int64?] {
                let response = await app.call("GET", "/v1/credits/balance?as_of=\(start + after)", token: token)
                return ["granted", "available", "reserved", "consumed", "expired", "debt"].map { response[$0]?.integer }
            }
            #expect(await position(.seconds(-1)) == [0, 0, 0, 0, 0, 0])
            #expect(await position(.seconds(0)) == [10, 10, 0, 0, 0, 0])
            #expect(await position(.days(1)) == [10, 6, 4, 0, 0, 0])
            #expect(await position(.days(2)) == [10, 7, 0, 3, 0, 0])
            #expect(await position(.days(3) - .microseconds(1)) == [10, 7, 0, 3, 0, 0])
            #expect(await position(.days(3)) == [10, 0, 0, 3, 7, 0])
            let entries = await app.call("GET", "/v1/credits/entries", token: token)
            #expect(
                entries["data"]?.array?.map { $0["kind"]?.string } == ["expired", "committed", "reserved", "granted"])
            #expect(entries["data"]?[1]?["reason"] == "test:work")
            #expect(
                entries["data"]?[1]?["steps"]?.array?.map { [$0["units"], $0["from"], $0["to"]] } == [
                    [3, "reserved", "consumed"], [1, "reserved", "available"],
                ])
            let early = await app.call(
                "GET", "/v1/credits/entries?as_of=\(start + .days(1))&limit=1&offset=1", token: token)
            #expect(early["total"]?.integer == 2 && early["data"]?.array?.map { $0["kind"]?.string } == ["granted"])
            #expect(await app.call("GET", "/v1/credits/balance?as_of=yesterday", token: token).status == 422)
            // Nobody sees anybody else's.
            let other = try await app.subscriber("pro", "other")
            #expect(await app.call("GET", "/v1/credits/entries", token: other.token)["total"]?.integer == 0)
            #expect(await app.call("GET", "/v1/credits/balance", token: other.token)["granted"]?.integer == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `an API key may look when it may look at the plan`(engine: Engine) async throws {
        try await withPurse(engine) { purse in
            func key(_ scope: String) async throws -> String {
                let body: JSONValue = ["name": "for a test", "scopes": [.string(scope)]]
                let response = await purse.app.call("POST", "/v1/auth/api-keys", json: body, token: purse.person.token)
                return try #require(response["api_key"]?.string)
            }
            let (right, wrong) = (try await key("entitlements.check"), try await key("usage.write"))
            for path in ["/v1/credits", "/v1/credits/balance", "/v1/credits/entries"] {
                #expect(await purse.app.call("GET", path, headers: ["X-API-Key": right]).status == 200)
                #expect(await purse.app.call("GET", path, headers: ["X-API-Key": wrong]).code == "insufficient-scope")
            }
        }
    }
}

@Suite struct CreditCorrectionTests {
    private struct Desk {
        let purse: CreditFixture
        let administrator: TestPerson

        func correct(_ body: JSONValue, key: String? = "k-\(Int.random(in: 0..<Int.max))") async -> TestResponse {
            await purse.app.call(
                "POST", "/v1/admin/credits/\(purse.person.id)/corrections", json: body, token: administrator.token,
                headers: key.map { ["Idempotency-Key": $0] } ?? [:])
        }
    }

    private func withDesk(_ engine: Engine, _ body: (Desk, CreditFixture) async throws -> Void) async throws {
        try await withPurse(engine) { purse in
            try await body(Desk(purse: purse, administrator: try await purse.app.administrator()), purse)
        }
    }

    @Test(arguments: Engine.available)
    func `a correction is an entry of its own that names what it corrects, audited, and given once for its key`(
        engine: Engine
    ) async throws {
        try await withDesk(engine) { desk, purse in
            try await purse.grant(5)
            purse.app.clock.advance(by: .seconds(1))
            try await purse.spend(try await purse.charge(4), "test:a")
            let wrong = await purse.app.call("GET", "/v1/credits/entries", token: purse.person.token)["data"]?[0]?["id"]
            let body: JSONValue = ["units": 3, "reason": "The work failed", "corrects": wrong ?? .null]
            purse.app.clock.advance(by: .seconds(1))
            let corrected = await desk.correct(body, key: "one")
            #expect(
                corrected.status == 201 && corrected["kind"] == "corrected" && corrected["corrects"] == wrong,
                "\(corrected)")
            #expect(await desk.correct(body, key: "one").json == corrected.json)
            #expect(
                await desk.correct(["units": 4, "reason": "The work failed"], key: "one").code == "operation-conflict")
            let again = await desk.correct(
                ["units": -1, "reason": "Once more", "corrects": wrong ?? .null], key: "two")
            #expect(
                again.status == 409 && again.code == "already-corrected" && again["corrected_by"] == corrected["id"],
                "\(again)")
            #expect(try await purse.balance() == [4, 0, 0])
            #expect(try await QuotaFixture(app: purse.app, person: purse.person).auditCount("credits.corrected") == 1)
            let seen = await purse.app.call("GET", "/v1/credits/entries?limit=1", token: purse.person.token)
            #expect(seen["data"]?[0] == corrected.json)
            let listed = await purse.app.call(
                "GET", "/v1/admin/credits/\(purse.person.id)/entries?limit=1", token: desk.administrator.token)
            #expect(listed.json == seen.json)
            let view = await purse.app.call(
                "GET", "/v1/admin/credits/\(purse.person.id)", token: desk.administrator.token)
            #expect(view["available"]?.integer == 4 && view["lots"]?[0]?["origin"] == "purchase")
        }
    }

    @Test(arguments: Engine.available)
    func `credits are taken back where there are any, the soonest to expire first or from the lot that is named`(
        engine: Engine
    ) async throws {
        try await withDesk(engine) { desk, purse in
            let last = try #require(try await purse.grant(5))
            try await purse.grant(5, expiresIn: 3)
            #expect(await desk.correct(["units": -2, "reason": "A mistake"]).status == 201)
            #expect(
                await desk.correct(["units": -4, "reason": "A mistake", "lot_id": .string(last.text)]).status == 201)
            #expect(try await purse.lots() == [[3, 0, 0, 0, 2], [1, 0, 0, 0, 4]])
            let many = await desk.correct(["units": -5, "reason": "A mistake"])
            #expect(many.status == 409 && many.code == "credits-not-available" && many["available"]?.integer == 4)
            #expect(
                await desk.correct(["units": -2, "reason": "A mistake", "lot_id": .string(last.text)]).code
                    == "credits-not-available")
            let end = (purse.app.clock.now + .days(1)).description
            #expect(await desk.correct(["units": 7, "reason": "A present", "expires_at": .string(end)]).status == 201)
            #expect(try await purse.balance() == [11, 0, 0])
            purse.app.clock.advance(by: .days(1))
            #expect(try await purse.balance() == [4, 0, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `a correction that says nothing, or something impossible, changes nothing`(engine: Engine) async throws {
        try await withDesk(engine) { desk, purse in
            let id: JSONValue = "00000000-0000-7000-8000-000000000000"
            for (body, pointer) in [
                (["units": 0, "reason": "x"], "/units"), (["units": 1, "reason": ""], "/reason"),
                (["units": 1, "reason": "x", "expires_at": .string(purse.app.clock.now.description)], "/expires_at"),
                (["units": -1, "reason": "x", "expires_at": "2030-01-01T00:00:00Z"], "/expires_at"),
                (["units": 1, "reason": "x", "lot_id": id], "/lot_id"),
                (["units": -1, "reason": "x", "lot_id": id], "/lot_id"),
                (["units": 1, "reason": "x", "corrects": id], "/corrects"),
                (["units": 1], "/reason"), (["units": 1, "reason": "x", "amount": 1], "/amount"),
            ] as [(JSONValue, String)] {
                let refused = await desk.correct(body)
                #expect(
                    refused.status == 422 && refused["errors"]?[0]?["pointer"]?.string == pointer, "\(body): \(refused)"
                )
            }
            let keyless = await desk.correct(["units": 1, "reason": "x"], key: nil)
            #expect(keyless.status == 400 && keyless["detail"]?.string?.contains("Idempotency-Key") == true)
            let path = "/v1/admin/credits/\(purse.person.id)"
            for suffix in ["", "/entries"] {
                #expect(
                    await purse.app.call("GET", path + suffix, token: purse.person.token).code == "insufficient-role")
            }
            let own = await purse.app.call(
                "POST", path + "/corrections", json: ["units": 9, "reason": "x"], token: purse.person.token)
            #expect(own.code == "insufficient-role")
            let nobody = await purse.app.call(
                "GET", "/v1/admin/credits/00000000-0000-7000-8000-000000000000", token: desk.administrator.token)
            #expect(nobody.status == 404)
            let postings = try await purse.database.read {
                try $0.count("SELECT COUNT(*) AS count FROM ledger_postings")
            }
            #expect(postings == 0)
        }
    }
}

/// The credits of a trial begin and end with it.
@Suite struct TrialCreditTests {
    @Test(arguments: Engine.available)
    func `a longer trial keeps its credits, and brings those back that had expired`(engine: Engine) async throws {
        try await withTrialPurse(engine) { purse in
            let app = purse.app
            try await purse.spend(try await purse.charge(4), "test:a")
            try await app.extendTrial(of: purse.person, by: 5)
            app.clock.advance(by: .days(34))
            try await app.runJobs()
            #expect(try await purse.balance() == [6, 0, 0])
            app.clock.advance(by: .days(1))
            try await app.runJobs()
            #expect(try await purse.lots() == [[0, 0, 4, 6, 0]])
            try await app.extendTrial(of: purse.person, by: 2)
            #expect(try await purse.lots() == [[6, 0, 4, 0, 0]])
            try await purse.spend(try await purse.charge(1), "test:b")
            app.clock.advance(by: .days(2))
            #expect(try await purse.balance() == [0, 0, 0])
        }
    }

    @Test(arguments: Engine.available, ["pro", "free"])
    func `a plan that ends the trial ends its credits, and no others`(engine: Engine, plan: String) async throws {
        try await withTrialPurse(engine) { purse in
            try await purse.grant(3)
            let hold = try await purse.reserve(try await purse.charge(2))
            try await purse.app.put(purse.person, on: plan)
            #expect(try await purse.balance() == [3, 2, 0])
            #expect(try await purse.lots() == [[0, 2, 0, 8, 0], [3, 0, 0, 0, 0]])
            // What was promised before still counts.
            try await purse.commit(hold, 1)
            #expect(try await purse.lots() == [[3, 0, 0, 0, 0], [0, 0, 1, 9, 0]])
            let shop = CreditProductFixture(purse.app)
            #expect(
                await purse.app.call("POST", "/v1/ideas", token: purse.person.token, through: shop.door)["remaining"]?
                    .integer == 3)
        }
    }

    @Test(arguments: Engine.available)
    func `a trial that is cancelled takes its credits along`(engine: Engine) async throws {
        try await withTrialPurse(engine) { purse in
            #expect(
                await purse.app.call("POST", "/v1/payments/cancel-subscription", json: [:], token: purse.person.token)
                    .status == 200)
            #expect(try await purse.balance() == [0, 0, 0])
            // At the same moment it is given back, and is over again.
            try await purse.app.extendTrial(of: purse.person, by: 1)
            #expect(try await purse.balance() == [10, 0, 0])
            #expect(
                await purse.app.call("POST", "/v1/payments/cancel-subscription", json: [:], token: purse.person.token)
                    .status == 200)
            #expect(try await purse.lots() == [[0, 0, 0, 10, 0]])
        }
    }

    @Test(arguments: Engine.available)
    func `proving the address brings the credits in the same moment`(engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let purse = CreditFixture(app: app, person: person)
            #expect(try await purse.balance() == [0, 0, 0])
            let token = try #require(try await app.mail(to: person.email).last?.token)
            #expect(await app.call("POST", "/v1/auth/verify-email", json: ["token": .string(token)]).status == 200)
            let view = await app.call("GET", "/v1/credits", token: person.token)
            let status = await app.call("GET", "/v1/payments/trial-status", token: person.token)
            #expect(
                view["available"]?.integer == 10 && view["next_expiry"]?["at"] == status["ends_at"]
                    && view["next_expiry"]?["units"]?.integer == 10)
            try await purse.requireBalance()
        }
    }
}
