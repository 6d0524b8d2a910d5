import Base
import Modules
import TestKit
import TestStripe
import Testing

/// Reviews: of work that was done and paid for, after the event's day, and never by the business itself.
@Suite struct ReviewTests {
    /// Before and on the day of the fixture's events.
    private static let (before, after) = (Instant("2026-06-19T23:30:00Z")!, Instant("2026-06-20T00:30:00Z")!)

    private func review(
        _ event: String, _ rating: Int64, _ money: MarketplaceMoneyFixture, as person: TestPerson? = nil
    ) async -> TestResponse {
        await money.post(
            "reviews",
            [
                "event_id": .string(event), "reviewee_type": "provider",
                "reviewee_id": .string(money.marketplace.providerID), "rating": .integer(rating),
            ], as: person)
    }

    private func rating(_ money: MarketplaceMoneyFixture) async -> Double? {
        await money.marketplace.get("service-providers/\(money.marketplace.providerID)", as: money.organizer)["data"]?[
            "avg_rating"]?.number
    }

    @Test(arguments: Engine.available)
    func `reviews follow work that is done and paid, one a person, and ratings are their sums`(engine: Engine)
        async throws
    {
        try await withMarketplaceMoney(engine, at: Self.before) { money in
            let (event, _) = try await money.paidService()
            #expect(await review(event, 5, money).code == "event-state", "the day has not come")
            money.app.clock.set(Self.after)
            let (other, _) = try await money.paidService(isCompleted: false)
            #expect(await review(other, 5, money).code == "event-state", "the work is not done")
            #expect(await review(event, 5, money, as: money.provider).status == 422, "it is another's event")
            #expect(await review(event, 6, money).status == 422)
            let first = await review(event, 4, money)
            #expect(first.status == 201, "\(first)")
            #expect(await review(event, 5, money).code == "already-exists")
            #expect(await rating(money) == 4)
            let id = try #require(first["data"]?["id"]?.string)
            func change(_ method: String, _ json: JSONValue? = nil, as person: TestPerson) async -> Int {
                await money.marketplace.call(method, "reviews/\(id)", json, as: person).status
            }
            #expect(await change("PUT", ["rating": 3], as: money.provider) == 403)
            #expect(await change("PUT", ["rating": 3], as: money.organizer) == 200)
            #expect(await rating(money) == 3)
            #expect(await change("DELETE", as: money.organizer) == 200)
            #expect(await rating(money) == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `work that was not paid is not reviewed, nor a business by its own members`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine, at: Self.after) { money in
            let event = try await money.marketplace.event()
            try await money.complete(try await money.marketplace.booked(event))
            #expect(await review(event, 5, money).code == "event-state")

            let own = try await money.marketplace.event(as: money.provider)
            let booked = await money.marketplace.bookService(own, as: money.provider)
            try await money.complete(try #require(booked["event_service_id"]?.string, "\(booked)"))
            let created = await money.createIntent(own, as: money.provider)
            let intent = try #require(created["payment_intent_id"]?.string, "\(created)")
            try money.stripe.pay(intent)
            #expect(await money.confirm(intent, as: money.provider)["status"] == "completed")
            let refused = await review(own, 5, money, as: money.provider)
            #expect(refused.code == "event-state", "\(refused)")
        }
    }
}
