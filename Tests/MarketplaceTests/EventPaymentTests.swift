import Base
import Billing
import Modules
import Stripe
import TestKit
import TestStripe
import Testing

/// Payments of events: the amount is that of the bookings, and the provider alone confirms.
@Suite struct EventPaymentTests {
    @Test(arguments: Engine.available)
    func `an event is paid with what is booked, by the provider's word`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            let event = try await money.marketplace.event()
            #expect(await money.createIntent(event).code == "nothing-to-pay")
            _ = try await money.marketplace.booked(event)
            let wrong = await money.createIntent(event, ["amount": 1])
            #expect(wrong.status == 409 && wrong.code == "amount-mismatch", "\(wrong)")
            #expect(wrong["amount_minor"] == .integer(MarketplaceMoneyFixture.price))
            #expect(await money.createIntent(event, ["amount": 3240.001]).status == 422)
            let created = await money.createIntent(event, ["amount": 3240])
            #expect(created.status == 200 && created["amount_minor"] == 324_000, "\(created)")
            let intent = try #require(created["payment_intent_id"]?.string)
            #expect(await money.createIntent(event)["payment_intent_id"]?.string == intent)

            let early = await money.confirm(intent)
            #expect(early.status == 409 && early.code == "payment-incomplete", "\(early)")
            #expect(early["payment_status"] == "pending")
            #expect(await money.marketplace.state(of: event) == "planning")
            #expect(try await money.balances() == [:])

            try money.stripe.pay(intent)
            for _ in 0..<2 {
                let confirmed = await money.confirm(intent)
                #expect(confirmed["status"] == "completed" && confirmed["event_status"] == "confirmed", "\(confirmed)")
            }
            #expect(try await money.balances() == [.provider: -324_000, .held: 324_000])
            #expect(await money.createIntent(event).code == "nothing-to-pay")
            let list = await money.marketplace.get("payments/\(event)", as: money.organizer)
            #expect(list["paid_minor"] == 324_000 && list["due_minor"] == 0 && list["held_minor"] == 324_000)
            #expect(list["data"]?.array?.count == 1, "\(list)")
        }
    }

    @Test(arguments: Engine.available)
    func `money for a booking that ended on its way goes back, and the event stays in planning`(
        engine: Engine
    ) async throws {
        try await withMarketplaceMoney(engine) { money in
            let event = try await money.marketplace.event()
            let service = try await money.marketplace.booked(event)
            let intent = try #require(await money.createIntent(event)["payment_intent_id"]?.string)
            let ended = await money.marketplace.call("DELETE", "event-services/\(service)", as: money.organizer)
            #expect(ended.status == 200, "\(ended)")
            try money.stripe.pay(intent)
            #expect(await money.confirm(intent)["event_status"] == "planning")
            try await money.sendReserved()
            #expect(await money.marketplace.state(of: event) == "planning")
            #expect(money.refunds.map(\.amount.minorUnits) == [MarketplaceMoneyFixture.price])
            #expect(try await money.balances() == [.provider: -324_000, .refunded: 324_000])
        }
    }

    @Test(arguments: Engine.available)
    func `only the organizer and administrators begin, confirm and see the payments of an event`(
        engine: Engine
    ) async throws {
        try await withMarketplaceMoney(engine) { money in
            let event = try await money.marketplace.event()
            _ = try await money.marketplace.booked(event)
            let other = try await money.app.register("other")
            let intent = try #require(await money.createIntent(event)["payment_intent_id"]?.string)
            #expect(await money.createIntent(event, as: other).status == 404)
            #expect(await money.createIntent(event, as: money.provider).code == "not-the-owner")
            for intent in [intent, "pi_unknown"] {
                let refused = await money.confirm(intent, as: other)
                #expect(refused.status == 404 && refused["detail"] == "Payment not found", "\(refused)")
            }
            #expect(await money.marketplace.get("payments/\(event)", as: other).status == 404)
            #expect(await money.marketplace.get("payments/\(event)", as: money.provider).code == "not-the-owner")
            #expect(await money.marketplace.get("payments/\(event)", as: money.administrator).status == 200)
        }
    }

    @Test(arguments: Engine.available)
    func `an event is confirmed by the provider's event, without the client`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            let event = try await money.marketplace.event()
            _ = try await money.marketplace.booked(event)
            let intent = try #require(await money.createIntent(event)["payment_intent_id"]?.string)
            try money.stripe.pay(intent)
            for webhook in money.stripe.webhooks(TestStripeDelivery()) {
                let response = await money.app.call(
                    "POST", "/api/webhooks/stripe", body: ("application/json", webhook.body),
                    headers: ["Stripe-Signature": webhook.signature])
                #expect(response["received"] == true, "\(response)")
            }
            try await money.app.runJobs()
            #expect(await money.marketplace.state(of: event) == "confirmed")
            #expect(try await money.balances() == [.provider: -324_000, .held: 324_000])
        }
    }

    @Test(arguments: Engine.available)
    func `what is booked after a payment succeeded is paid by another one`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            let event = try await money.marketplace.event()
            _ = try await money.marketplace.booked(event)
            let intent = try #require(await money.createIntent(event)["payment_intent_id"]?.string)
            _ = try await money.marketplace.booked(event)
            try money.stripe.pay(intent)
            let first = await money.confirm(intent)
            #expect(first["status"] == "completed" && first["event_status"] == "planning", "\(first)")
            #expect(await money.createIntent(event)["amount_minor"] == 324_000)
            try await money.pay(event)
            #expect(await money.marketplace.state(of: event) == "confirmed")
            #expect(try await money.balances() == [.provider: -648_000, .held: 648_000])
        }
    }

    @Test(arguments: Engine.available)
    func `the money of a cancelled booking goes back while its event goes on`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            let event = try await money.marketplace.event()
            var services: [String] = []
            for _ in 0..<3 { services.append(try await money.marketplace.booked(event)) }
            let (second, third) = (services[1], services[2])
            try await money.pay(event)
            let declined = await money.post("bookings/decline/\(second)", as: money.provider)
            #expect(declined.status == 200, "\(declined)")
            let cancelled = await money.marketplace.call("DELETE", "event-services/\(third)", as: money.organizer)
            #expect(cancelled.status == 200, "\(cancelled)")
            money.app.clock.advance(by: .seconds(10))
            try await money.app.runJobs()
            // The vendor's refusal costs nothing; the organizer's cancellation costs the commission.
            #expect(
                try await money.balances()
                    == [.provider: -972_000, .held: 324_000, .refunded: 615_600, .commission: 32_400])
            #expect(money.refunds.map(\.amount.minorUnits).sorted() == [291_600, 324_000])
        }
    }

    @Test(arguments: Engine.available)
    func `money that arrives for a cancelled event goes back whole`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            let event = try await money.marketplace.event()
            _ = try await money.marketplace.booked(event)
            let intent = try #require(await money.createIntent(event)["payment_intent_id"]?.string)
            try money.stripe.pay(intent)
            let cancelled = await money.cancel(event)
            #expect(cancelled.status == 200 && cancelled["refund_amount_minor"] == 0, "\(cancelled)")
            #expect(await money.confirm(intent)["event_status"] == "cancelled")
            money.app.clock.advance(by: .seconds(10))
            try await money.app.runJobs()
            #expect(try await money.balances() == [.provider: -324_000, .refunded: 324_000])
        }
    }

    @Test(arguments: Engine.available)
    func `without a provider payments are not configured`(engine: Engine) async throws {
        try await withMarketplace(engine) { fixture in
            let event = try await fixture.event()
            let service = try await fixture.booked(event)
            let created = await fixture.post(
                "payments/create-intent", ["event_id": .string(event)], as: fixture.organizer)
            #expect(created.status == 503 && created.code == "not-configured", "\(created)")
            #expect(await fixture.post("bookings/complete-service/\(service)", as: fixture.provider).status == 200)
            let released = await fixture.post("payments/release/\(service)", as: fixture.organizer)
            #expect(released.code == "event-not-paid", "\(released)")
        }
    }
}
