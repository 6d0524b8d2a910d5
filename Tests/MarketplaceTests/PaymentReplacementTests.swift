import Base
import Billing
import Modules
import Stripe
import TestKit
import TestStripe
import Testing

/// Payments of events whose amount changes before they are paid: the old one ends, and never are two live.
@Suite struct PaymentReplacementTests {
    /// An event with one booking and a payment of it that has begun, and a second booking.
    private func changed(_ money: MarketplaceMoneyFixture) async throws -> (event: String, intent: String) {
        let event = try await money.marketplace.event()
        _ = try await money.marketplace.booked(event)
        let intent = try #require(await money.createIntent(event)["payment_intent_id"]?.string)
        _ = try await money.marketplace.booked(event)
        return (event, intent)
    }

    private func intents(_ money: MarketplaceMoneyFixture) -> [StripePaymentIntent] { money.stripe.objects() }

    /// The intents that a customer can pay.
    private func live(_ money: MarketplaceMoneyFixture) -> [StripePaymentIntent] {
        intents(money).filter { $0.status.known != .canceled && $0.status.known != .succeeded }
    }

    @Test(arguments: Engine.available)
    func `a payment whose amount has changed is canceled, and another one begins under a key of its own`(
        engine: Engine
    ) async throws {
        try await withMarketplaceMoney(engine) { money in
            let (event, first) = try await changed(money)
            let second = await money.createIntent(event)
            #expect(second.status == 200 && second["amount_minor"] == 648_000, "\(second)")
            #expect(second["payment_intent_id"] != .string(first))
            #expect(money.stripe.object(first, as: StripePaymentIntent.self)?.status.known == .canceled)
            #expect(live(money).map(\.amount.minorUnits) == [648_000])
            let keys = try await money.marketplace.database.read { transaction in
                try transaction.all(
                    "SELECT idempotency_key FROM provider_calls WHERE purpose = 'payment.create' ORDER BY created_at"
                ) { try $0["idempotency_key"] as String }
            }
            #expect(keys.count == 2 && Set(keys).count == 2)
            // A smaller amount replaces it too.
            let booking = try await money.marketplace.database.read {
                try $0.first("SELECT MAX(id) AS id FROM marketplace_event_services") { try $0["id"] as String }
            }
            let path = "event-services/\(try #require(booking))"
            #expect(await money.marketplace.call("DELETE", path, as: money.organizer).status == 200)
            try await money.pay(event)
            #expect(live(money).isEmpty && intents(money).count == 3)
            #expect(try await money.balances() == [.provider: -324_000, .held: 324_000])
        }
    }

    @Test(arguments: Engine.available)
    func `of two replacements at once both get the one new payment`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            let (event, _) = try await changed(money)
            async let one = money.createIntent(event)
            async let other = money.createIntent(event)
            let (first, second) = await (one, other)
            #expect(first.status == 200 && second.status == 200, "\(first) \(second)")
            #expect(first["payment_intent_id"] == second["payment_intent_id"])
            #expect(live(money).map(\.amount.minorUnits) == [648_000])
            #expect(intents(money).count == 2)
        }
    }

    @Test(arguments: Engine.available, [TestStripeFault.Kind.lostBeforeEffect, .lostAfterEffect])
    func `while the end of the old payment is not known, no other one begins`(
        engine: Engine, fault: TestStripeFault.Kind
    ) async throws {
        try await withMarketplaceMoney(engine) { money in
            let (event, intent) = try await changed(money)
            money.stripe.fail(next: 20, fault, path: "/v1/payment_intents/\(intent)/cancel")
            for _ in 0..<2 {
                let unknown = await money.createIntent(event)
                #expect(unknown.status == 503 && unknown.code == "provider-unavailable", "\(unknown)")
                #expect(unknown.headers["retry-after"] == "5")
            }
            #expect(intents(money).count == 1)
            money.stripe.stopFailing()
            #expect(await money.createIntent(event)["amount_minor"] == 648_000)
            #expect(live(money).count == 1 && intents(money).count == 2)
        }
    }

    @Test(arguments: Engine.available)
    func `an old payment whose beginning is not known is found first`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            let event = try await money.marketplace.event()
            _ = try await money.marketplace.booked(event)
            money.stripe.fail(next: 20, .lostAfterEffect, path: "/v1/payment_intents")
            #expect(await money.createIntent(event).code == "provider-unavailable")
            _ = try await money.marketplace.booked(event)
            #expect(await money.createIntent(event).code == "provider-unavailable")
            #expect(intents(money).count == 1)
            money.stripe.stopFailing()
            #expect(await money.createIntent(event)["amount_minor"] == 648_000)
            #expect(live(money).map(\.amount.minorUnits) == [648_000] && intents(money).count == 2)
        }
    }

    @Test(arguments: Engine.available)
    func `an old payment that was paid meanwhile counts, and the rest is due`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            let (event, intent) = try await changed(money)
            try money.stripe.pay(intent)
            #expect(await money.createIntent(event)["amount_minor"] == 324_000)
            #expect(try await money.balances() == [.provider: -324_000, .held: 324_000])
            try await money.pay(event)
            #expect(await money.marketplace.state(of: event) == "confirmed")
        }
    }

    @Test(arguments: Engine.available)
    func `a payment that the provider does not cancel stays the only one, and can be canceled later`(
        engine: Engine
    ) async throws {
        try await withMarketplaceMoney(engine) { money in
            let (event, intent) = try await changed(money)
            money.stripe.fail(
                .refused(status: 400, type: "invalid_request_error", code: "payment_intent_unexpected_state"),
                path: "/v1/payment_intents/\(intent)/cancel")
            let refused = await money.createIntent(event)
            #expect(refused.status == 409 && refused.code == "payment-in-progress", "\(refused)")
            #expect(intents(money).count == 1)
            #expect(await money.createIntent(event)["amount_minor"] == 648_000)
            #expect(live(money).count == 1 && intents(money).count == 2)
        }
    }

    @Test(arguments: Engine.available)
    func `a replacement that stops at any statement leaves one payment`(engine: Engine) async throws {
        let faults = UnavailableDatabase.Switch()
        try await withMarketplaceMoney(engine, databaseWrapper: faults.wrap) { money in
            let (event, _) = try await changed(money)
            let count = try await faults.failEachStatement { _ in
                let response = await money.createIntent(event)
                guard response.status == 200 else { throw UnexpectedResponse(response) }
            } check: { _ in
                // The lease of a call that was being sent ends.
                money.app.clock.advance(by: .seconds(61))
                #expect(live(money).count <= 1)
                try await money.marketplace.requireInvariants()
            }
            #expect(count >= 10)
            #expect(live(money).map(\.amount.minorUnits) == [648_000] && intents(money).count == 2)
        }
    }

    @Test(arguments: Engine.available)
    func `a payment whose beginning is answered after its event was cancelled is canceled too`(
        engine: Engine
    ) async throws {
        try await withMarketplaceMoney(engine) { money in
            let event = try await money.marketplace.event()
            _ = try await money.marketplace.booked(event)
            money.stripe.fail(next: 20, .lostAfterEffect, path: "/v1/payment_intents")
            #expect(await money.createIntent(event).code == "provider-unavailable")
            #expect(await money.cancel(event).status == 200)
            money.stripe.stopFailing()
            for _ in 0..<2 {
                money.app.clock.advance(by: .minutes(2))
                try await money.app.runJobs()
            }
            #expect(intents(money).count == 1 && live(money).isEmpty)
        }
    }
}
