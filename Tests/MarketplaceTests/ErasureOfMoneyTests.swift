import Base
import Billing
import Identity
import Modules
import TestKit
import TestStripe
import Testing

@testable import Marketplace

/// Erasures of the two sides of paid events: only what is settled is erased, and what stays has one pseudonym.
@Suite struct ErasureOfMoneyTests {
    private func erase(_ person: TestPerson, _ money: MarketplaceMoneyFixture) async throws -> TestResponse {
        let session = await money.app.call(
            "POST", "/v1/auth/login", json: ["email": .string(person.email), "password": .string(person.password)])
        return await money.app.call(
            "POST", "/v1/user/erasure", json: ["password": .string(person.password)],
            token: session["access_token"]?.string)
    }

    private func wait(_ money: MarketplaceMoneyFixture, days: Int64 = 14) async throws {
        money.app.clock.advance(by: .days(days))
        for _ in 0..<3 {
            money.app.clock.advance(by: .minutes(6))
            try await money.app.runJobs()
        }
    }

    private func texts(_ money: MarketplaceMoneyFixture, of tables: [String]) async throws -> [String] {
        try await money.marketplace.database.read { transaction in
            try tables.flatMap { table in
                try transaction.all("SELECT * FROM \(SQL(trusted: table))").map { "\(table): \($0.values)" }
            }
        }
    }

    @Test(arguments: Engine.available)
    func `an organizer with held money is not erased before it is settled`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            let (event, _) = try await money.paidService(isCompleted: false)
            let refused = try await erase(money.organizer, money)
            #expect(refused.status == 409 && refused.code == "not-settled", "\(refused)")
            #expect(
                refused["open_money"] == [["currency": "usd", "held_minor": 324_000, "pending_minor": 0]], "\(refused)")
            #expect(await money.cancel(event).status == 200)
            #expect(try await erase(money.organizer, money).status == 202)
            try await wait(money)

            let tables =
                Set(MarketplacePersonalData.tables.map(\.table))
                .union(["payments", "refunds", "payouts", "ledger_accounts", "people", "organisations"])
            let rows = try await texts(money, of: tables.sorted())
            for id in [money.organizer.id.text, money.organizer.organisation, money.organizer.email] {
                #expect(!rows.contains { $0.contains(id) }, "\(rows.first { $0.contains(id) } ?? "")")
            }
            // The rows of the event and of its money still belong together.
            let pseudonyms = try await money.marketplace.database.read { transaction in
                try transaction.all(
                    """
                    SELECT organisation_id AS id FROM marketplace_events
                    UNION SELECT organisation_id FROM marketplace_event_services
                    UNION SELECT organisation_id FROM payments UNION SELECT organisation_id FROM refunds
                    UNION SELECT owner FROM ledger_accounts WHERE name = 'refunded'
                    """
                ) { try $0["id"] as String }
            }
            #expect(pseudonyms.count == 1, "\(pseudonyms)")
        }
    }

    @Test(arguments: Engine.available)
    func `a vendor whose paid services are open is not erased before they end`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            let (_, service) = try await money.paidService()
            let refused = try await erase(money.provider, money)
            #expect(refused.status == 409 && refused.code == "not-settled", "\(refused)")
            #expect(refused["open_services"] == [.string(service)], "\(refused)")
            let (_, second) = try await money.paidService()
            try await money.reserve(second)
            #expect(try await erase(money.provider, money)["open_money"]?[0]?["pending_minor"] == 324_000)
            try await money.sendReserved()
            #expect(await money.release(service).status == 200)
            #expect(try await erase(money.provider, money).status == 202)
            try await wait(money)
            let rows = try await texts(
                money, of: MarketplacePersonalData.tables.map(\.table) + ["payouts", "ledger_accounts"])
            for id in [money.provider.id.text, money.provider.organisation] {
                #expect(!rows.contains { $0.contains(id) }, "\(rows.first { $0.contains(id) } ?? "")")
            }
            // The organizer has approved it: the payout keeps no id of the other side either, once that is erased.
            #expect(try await erase(money.organizer, money).status == 202)
            try await wait(money)
            let payouts = try await texts(money, of: ["payouts"])
            #expect(payouts.count == 2 && !payouts.contains { $0.contains(money.organizer.id.text) }, "\(payouts)")
        }
    }

    @Test(arguments: Engine.available)
    func `money that arrives before an erasure is due postpones it, with one mail`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            let event = try await money.marketplace.event()
            _ = try await money.marketplace.booked(event)
            let intent = try #require(await money.createIntent(event)["payment_intent_id"]?.string)
            #expect(try await erase(money.organizer, money).status == 202)
            try money.stripe.pay(intent)
            #expect(await money.confirm(intent).status == 200)
            try await wait(money)
            try await wait(money, days: 1)
            #expect(try await money.marketplace.audited("erasure.postponed") >= 2)
            let mails = try await money.app.mail(to: money.organizer.email).filter {
                $0.subject == "The erasure of your account was postponed"
            }
            #expect(mails.count == 1 && mails[0].text.contains("Money of yours is held"), "\(mails)")
            let session = await money.app.call(
                "POST", "/v1/auth/login",
                json: ["email": .string(money.organizer.email), "password": .string(money.organizer.password)])
            let cancelled = await money.app.call(
                "POST", "/v1/events/\(event)/cancel", json: [:], token: session["access_token"]?.string)
            #expect(cancelled["refund_status"] == "succeeded", "\(cancelled)")
            try await wait(money, days: 1)
            #expect(try await money.marketplace.count("people WHERE id = \(money.organizer.id)") == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `an unpaid payment is canceled with the erasure of its payer`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            let event = try await money.marketplace.event()
            _ = try await money.marketplace.booked(event)
            let intent = try #require(await money.createIntent(event)["payment_intent_id"]?.string)
            #expect(try await erase(money.organizer, money).status == 202)
            try await wait(money)
            try await money.sendReserved()
            #expect(throws: (any Error).self) { try money.stripe.pay(intent) }
            #expect(try await money.marketplace.count("payments WHERE state = 'canceled'") == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `an organisation with events is not deleted by its owner`(engine: Engine) async throws {
        try await withMarketplace(engine) { fixture in
            func call(_ method: String, _ path: String, _ json: JSONValue? = nil, in id: String? = nil) async
                -> TestResponse
            {
                await fixture.app.call(
                    method, path, json: json, token: fixture.organizer.token,
                    headers: id.map { ["X-Organisation": $0] } ?? [:])
            }
            let made = await call("POST", "/v1/organisations", ["name": "Events"])
            let id = try #require(made["id"]?.string, "\(made)")
            let created = await call("POST", "/api/events", ["event_type": "party", "guest_count": 10], in: id)
            let event = try #require(created["data"]?["id"]?.string, "\(created)")
            let used = await call("DELETE", "/v1/organisations/\(id)")
            #expect(used.status == 409 && used.code == "organisation-in-use", "\(used)")
            #expect(await call("DELETE", "/api/events/\(event)", in: id).status == 200)
            #expect(await call("DELETE", "/v1/organisations/\(id)").status == 204)
        }
    }
}
