import App
import Base
import Identity
import Modules
import TestKit
import Testing

@testable import Entitlements

@Suite struct CreditTests {
    @Test(arguments: Engine.available)
    func `the lot that expires soonest is spent first, and lots without expiry last`(engine: Engine) async throws {
        try await withCreditFixture(engine) { credits in
            try await credits.grant(5)
            try await credits.grant(5, expiresIn: 20)
            try await credits.grant(5, expiresIn: 10)
            try await credits.spend(try await credits.charge(7), "test:a")
            #expect(try await credits.lots() == [[3, 0, 2, 0, 0], [5, 0, 0, 0, 0], [0, 0, 5, 0, 0]])
            let view = await credits.app.call("GET", "/v1/credits", token: credits.person.token)
            #expect(
                view["next_expiry"] == ["at": .string((credits.app.clock.now + .days(20)).description), "units": 3])
            // After ten days nothing expires, after twenty three credits; the rest never expires.
            credits.app.clock.advance(by: .days(10))
            #expect(try await credits.balance() == [8, 0, 0])
            credits.app.clock.advance(by: .days(10))
            #expect(try await credits.balance() == [5, 0, 0])
            try await credits.app.runJobs()
            #expect(try await credits.balance() == [5, 0, 0])
            credits.app.clock.advance(by: .days(700))
            try await credits.app.runJobs()
            #expect(try await credits.lots() == [[5, 0, 0, 0, 0], [0, 0, 5, 0, 0], [0, 0, 2, 3, 0]])
        }
    }

    @Test(arguments: Engine.available)
    func `committing less releases the rest, committing more takes other credits, and the missing ones become debt`(
        engine: Engine
    ) async throws {
        try await withCreditFixture(engine) { credits in
            try await credits.grant(10)
            let charge = try await credits.charge(4)
            let (less, more, most) = (
                try await credits.reserve(charge), try await credits.reserve(try await credits.charge(2)),
                try await credits.reserve(charge)
            )
            #expect(try await credits.balance() == [0, 10, 0])
            for _ in 1...2 { try await credits.commit(less, 1) }
            #expect(try await credits.balance() == [3, 6, 0])
            try await credits.commit(more, 4)
            #expect(try await credits.balance() == [1, 4, 0])
            try await credits.commit(most, 8)
            #expect(try await credits.balance() == [0, 0, 3])
            #expect(try await credits.lots() == [[0, 0, 10, 0, 0]])
            // With a debt nothing is available; a grant pays the debt first.
            let refused = await problem { _ = try await credits.charge(1) }
            #expect(refused?.kind == .creditsExhausted && refused?.members["balance"] == -3)
            await expectProblem(.creditsExhausted) { _ = try await credits.reserve(charge) }
            try await credits.grant(2)
            #expect(try await credits.balance() == [0, 0, 1])
            try await credits.grant(5)
            #expect(try await credits.balance() == [4, 0, 0])
            try await credits.spend(try await credits.charge(4), "test:rest")
            await expectProblem(.notFound) { try await credits.commit(ID(trusted: credits.person.organisation), 1) }
            let other = CreditFixture(app: credits.app, person: try await credits.app.subscriber("pro", "other"))
            await expectProblem(.notFound) { try await other.release(less) }
        }
    }

    @Test(arguments: Engine.available)
    func `a hold outlives its lot, and credits released from it expire`(engine: Engine) async throws {
        try await withCreditFixture(engine) { credits in
            try await credits.grant(6, expiresIn: 1)
            let (committed, released) = (
                try await credits.reserve(try await credits.charge(3)),
                try await credits.reserve(try await credits.charge(2))
            )
            for hours in [5, 5, 5, 5, 5] as [Int64] {
                credits.app.clock.advance(by: .hours(hours))
                try await credits.database.write {
                    [service = credits.service, organisation = credits.organisation] transaction in
                    for hold in [committed, released] { try service.extend(hold, of: organisation, in: transaction) }
                }
            }
            try await credits.app.runJobs()
            #expect(try await credits.lots() == [[0, 5, 0, 1, 0]])
            try await credits.commit(committed, 2)
            for _ in 1...2 { try await credits.release(released) }
            #expect(try await credits.lots() == [[0, 0, 2, 4, 0]])
        }
    }

    @Test(arguments: Engine.available)
    func `an expired lease releases the credits, and a later commit is still charged`(engine: Engine) async throws {
        try await withCreditFixture(engine) { credits in
            try await credits.grant(5)
            let hold = try await credits.reserve(try await credits.charge(4))
            credits.app.clock.advance(by: CreditService.lease)
            try await credits.app.runJobs()
            #expect(try await credits.balance() == [1, 4, 0])
            credits.app.clock.advance(by: .minutes(2))
            try await credits.database.write { [service = credits.service, organisation = credits.organisation] in
                try service.extend(hold, of: organisation, in: $0)
            }
            try await credits.app.runJobs()
            #expect(try await credits.balance() == [5, 0, 0])
            try await credits.spend(try await credits.charge(3), "test:others")
            for _ in 1...2 { try await credits.commit(hold, 4) }
            #expect(try await credits.balance() == [0, 0, 2])
            try await credits.release(hold)
            #expect(try await credits.balance() == [0, 0, 2])
        }
    }

    @Test(arguments: Engine.available)
    func `a grant is applied once per operation`(engine: Engine) async throws {
        try await withCreditFixture(engine) { credits in
            #expect(try await credits.grant(5, "payment:1") != nil)
            #expect(try await credits.grant(5, "payment:1") == nil)
            #expect(try await credits.balance() == [5, 0, 0])
            let charge = try await credits.charge()
            try await credits.spend(charge, "test:a")
            await expectProblem(.operationConflict) { try await credits.spend(charge, "test:a") }
            #expect(try await credits.balance() == [4, 0, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `the entries list every step, and the balance is known at any time`(engine: Engine) async throws {
        try await withCreditFixture(engine) { credits in
            let (app, token, start) = (credits.app, credits.person.token, credits.app.clock.now)
            try await credits.grant(10, expiresIn: 3)
            app.clock.advance(by: .days(1))
            let hold = try await credits.reserve(try await credits.charge(4), "test:work")
            app.clock.advance(by: .hours(1))
            try await credits.commit(hold, 3)
            // The expiry is posted days later, with the time of the expiry.
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
            // Entries and balances are of one organisation.
            let other = try await app.subscriber("pro", "other")
            #expect(await app.call("GET", "/v1/credits/entries", token: other.token)["total"]?.integer == 0)
            #expect(await app.call("GET", "/v1/credits/balance", token: other.token)["granted"]?.integer == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `an API key reads credits with the scope entitlements.check`(engine: Engine) async throws {
        try await withCreditFixture(engine) { credits in
            func key(_ scope: String) async throws -> String {
                let body: JSONValue = ["name": "for a test", "scopes": [.string(scope)]]
                let response = await credits.app.call(
                    "POST", "/v1/auth/api-keys", json: body, token: credits.person.token)
                return try #require(response["api_key"]?.string)
            }
            let (allowed, forbidden) = (try await key("entitlements.check"), try await key("training"))
            for path in ["/v1/credits", "/v1/credits/balance", "/v1/credits/entries"] {
                #expect(await credits.app.call("GET", path, headers: ["X-API-Key": allowed]).status == 200)
                #expect(
                    await credits.app.call("GET", path, headers: ["X-API-Key": forbidden]).code == "insufficient-scope")
            }
        }
    }
}

@Suite struct CreditCorrectionTests {
    private struct CorrectionFixture {
        let credits: CreditFixture
        let administrator: TestPerson

        func correct(_ body: JSONValue, key: String? = "k-\(Int.random(in: 0..<Int.max))") async -> TestResponse {
            await credits.app.call(
                "POST", "/v1/admin/credits/\(credits.person.id)/corrections", json: body, token: administrator.token,
                headers: key.map { ["Idempotency-Key": $0] } ?? [:])
        }
    }

    private func withCorrectionFixture(
        _ engine: Engine, _ body: (CorrectionFixture, CreditFixture) async throws -> Void
    ) async throws {
        try await withCreditFixture(engine) { credits in
            try await body(
                CorrectionFixture(credits: credits, administrator: try await credits.app.administrator()), credits)
        }
    }

    @Test(arguments: Engine.available)
    func `a correction is an audited entry with a reference, and applied once per key`(
        engine: Engine
    ) async throws {
        try await withCorrectionFixture(engine) { corrections, credits in
            try await credits.grant(5)
            credits.app.clock.advance(by: .seconds(1))
            try await credits.spend(try await credits.charge(4), "test:a")
            let original = await credits.app.call("GET", "/v1/credits/entries", token: credits.person.token)["data"]?[
                0]?["id"]
            let body: JSONValue = ["units": 3, "reason": "The work failed", "corrects": original ?? .null]
            credits.app.clock.advance(by: .seconds(1))
            let corrected = await corrections.correct(body, key: "one")
            #expect(
                corrected.status == 201 && corrected["kind"] == "corrected" && corrected["corrects"] == original,
                "\(corrected)")
            #expect(await corrections.correct(body, key: "one").json == corrected.json)
            #expect(
                await corrections.correct(["units": 4, "reason": "The work failed"], key: "one").code
                    == "operation-conflict")
            let again = await corrections.correct(
                ["units": -1, "reason": "Once more", "corrects": original ?? .null], key: "two")
            #expect(
                again.status == 409 && again.code == "already-corrected" && again["corrected_by"] == corrected["id"],
                "\(again)")
            #expect(try await credits.balance() == [4, 0, 0])
            #expect(
                try await QuotaFixture(app: credits.app, person: credits.person).auditCount("credits.corrected") == 1)
            let seen = await credits.app.call("GET", "/v1/credits/entries?limit=1", token: credits.person.token)
            #expect(seen["data"]?[0] == corrected.json)
            let listed = await credits.app.call(
                "GET", "/v1/admin/credits/\(credits.person.id)/entries?limit=1", token: corrections.administrator.token)
            #expect(listed.json == seen.json)
            let view = await credits.app.call(
                "GET", "/v1/admin/credits/\(credits.person.id)", token: corrections.administrator.token)
            #expect(view["available"]?.integer == 4 && view["lots"]?[0]?["origin"] == "grant")
        }
    }

    @Test(arguments: Engine.available)
    func `credits are reversed in spending order or from a given lot, and never more than available`(
        engine: Engine
    ) async throws {
        try await withCorrectionFixture(engine) { corrections, credits in
            let last = try #require(try await credits.grant(5))
            try await credits.grant(5, expiresIn: 3)
            #expect(await corrections.correct(["units": -2, "reason": "A mistake"]).status == 201)
            #expect(
                await corrections.correct(["units": -4, "reason": "A mistake", "lot_id": .string(last.text)]).status
                    == 201)
            #expect(try await credits.lots() == [[3, 0, 0, 0, 2], [1, 0, 0, 0, 4]])
            let many = await corrections.correct(["units": -5, "reason": "A mistake"])
            #expect(many.status == 409 && many.code == "credits-not-available" && many["available"]?.integer == 4)
            #expect(
                await corrections.correct(["units": -2, "reason": "A mistake", "lot_id": .string(last.text)]).code
                    == "credits-not-available")
            let end = (credits.app.clock.now + .days(1)).description
            #expect(
                await corrections.correct(["units": 7, "reason": "A gift", "expires_at": .string(end)]).status == 201)
            #expect(try await credits.balance() == [11, 0, 0])
            credits.app.clock.advance(by: .days(1))
            #expect(try await credits.balance() == [4, 0, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `an invalid correction is refused and changes nothing`(engine: Engine) async throws {
        try await withCorrectionFixture(engine) { corrections, credits in
            let id: JSONValue = "00000000-0000-7000-8000-000000000000"
            for (body, pointer) in [
                (["units": 0, "reason": "x"], "/units"), (["units": 1, "reason": ""], "/reason"),
                (["units": 1, "reason": "x", "expires_at": .string(credits.app.clock.now.description)], "/expires_at"),
                (["units": -1, "reason": "x", "expires_at": "2030-01-01T00:00:00Z"], "/expires_at"),
                (["units": 1, "reason": "x", "lot_id": id], "/lot_id"),
                (["units": -1, "reason": "x", "lot_id": id], "/lot_id"),
                (["units": 1, "reason": "x", "corrects": id], "/corrects"),
                (["units": 1], "/reason"), (["units": 1, "reason": "x", "amount": 1], "/amount"),
            ] as [(JSONValue, String)] {
                let refused = await corrections.correct(body)
                #expect(
                    refused.status == 422 && refused["errors"]?[0]?["pointer"]?.string == pointer, "\(body): \(refused)"
                )
            }
            let keyless = await corrections.correct(["units": 1, "reason": "x"], key: nil)
            #expect(keyless.status == 400 && keyless["detail"]?.string?.contains("Idempotency-Key") == true)
            let path = "/v1/admin/credits/\(credits.person.id)"
            for suffix in ["", "/entries"] {
                #expect(
                    await credits.app.call("GET", path + suffix, token: credits.person.token).code
                        == "insufficient-role")
            }
            let own = await credits.app.call(
                "POST", path + "/corrections", json: ["units": 9, "reason": "x"], token: credits.person.token)
            #expect(own.code == "insufficient-role")
            let unknown = await credits.app.call(
                "GET", "/v1/admin/credits/00000000-0000-7000-8000-000000000000", token: corrections.administrator.token)
            #expect(unknown.status == 404)
            let postings = try await credits.database.read {
                try $0.count("SELECT COUNT(*) AS count FROM ledger_postings")
            }
            #expect(postings == 0)
        }
    }
}

/// The credits of a trial start and end with it.
@Suite struct TrialCreditTests {
    @Test(arguments: Engine.available)
    func `an extended trial keeps its credits and restores expired ones`(engine: Engine) async throws {
        try await withTrialCreditFixture(engine) { credits in
            let app = credits.app
            try await credits.spend(try await credits.charge(4), "test:a")
            try await app.extendTrial(of: credits.person, by: 5)
            app.clock.advance(by: .days(34))
            try await app.runJobs()
            #expect(try await credits.balance() == [6, 0, 0])
            app.clock.advance(by: .days(1))
            try await app.runJobs()
            #expect(try await credits.lots() == [[0, 0, 4, 6, 0]])
            try await app.extendTrial(of: credits.person, by: 2)
            #expect(try await credits.lots() == [[6, 0, 4, 0, 0]])
            try await credits.spend(try await credits.charge(1), "test:b")
            app.clock.advance(by: .days(2))
            #expect(try await credits.balance() == [0, 0, 0])
        }
    }

    @Test(arguments: Engine.available, ["pro", "free"])
    func `a plan that ends the trial expires its credits and no others`(engine: Engine, plan: String) async throws {
        try await withTrialCreditFixture(engine) { credits in
            try await credits.grant(3)
            let hold = try await credits.reserve(try await credits.charge(2))
            try await credits.app.put(credits.person, on: plan)
            #expect(try await credits.balance() == [3, 2, 0])
            #expect(try await credits.lots() == [[0, 2, 0, 8, 0], [3, 0, 0, 0, 0]])
            // The reservation made before is still committed.
            try await credits.commit(hold, 1)
            #expect(try await credits.lots() == [[3, 0, 0, 0, 0], [0, 0, 1, 9, 0]])
            let product = CreditRoutesFixture(credits.app)
            #expect(
                await credits.app.call("POST", "/v1/ideas", token: credits.person.token, through: product.dispatcher)[
                    "remaining"]?
                    .integer == 3)
        }
    }

    @Test(arguments: Engine.available)
    func `a canceled trial expires its credits`(engine: Engine) async throws {
        try await withTrialCreditFixture(engine) { credits in
            #expect(
                await credits.app.call(
                    "POST", "/v1/payments/cancel-subscription", json: [:], token: credits.person.token
                )
                .status == 200)
            #expect(try await credits.balance() == [0, 0, 0])
            // An extension at the same time restores them, and a second cancellation expires them again.
            try await credits.app.extendTrial(of: credits.person, by: 1)
            #expect(try await credits.balance() == [10, 0, 0])
            #expect(
                await credits.app.call(
                    "POST", "/v1/payments/cancel-subscription", json: [:], token: credits.person.token
                )
                .status == 200)
            #expect(try await credits.lots() == [[0, 0, 0, 10, 0]])
        }
    }

    @Test(arguments: Engine.available)
    func `verifying the e-mail address grants the credits in the same transaction`(engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register(isVerified: false)
            let credits = CreditFixture(app: app, person: person)
            #expect(try await credits.balance() == [0, 0, 0])
            let token = try #require(try await app.mail(to: person.email).last?.token)
            #expect(await app.call("POST", "/v1/auth/verify-email", json: ["token": .string(token)]).status == 200)
            let view = await app.call("GET", "/v1/credits", token: person.token)
            let status = await app.call("GET", "/v1/payments/trial-status", token: person.token)
            #expect(
                view["available"]?.integer == 10 && view["next_expiry"]?["at"] == status["ends_at"]
                    && view["next_expiry"]?["units"]?.integer == 10)
            try await credits.requireInvariants()
        }
    }
}
