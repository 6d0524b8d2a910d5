import Base
import Billing
import Modules
import Stripe
import TestKit
import TestStripe
import Testing

/// The fee of a cancellation is the commission of the bookings that it ends, as far as they were paid, once each.
@Suite struct CancellationFeeTests {
    private static let refused = TestStripeFault.Kind.refused(
        status: 400, type: "invalid_request_error", code: "charge_disputed")

    /// An event with two bookings that are paid.
    private func paid(_ money: MarketplaceMoneyFixture) async throws -> (event: String, services: [String]) {
        let event = try await money.marketplace.event()
        let services = [try await money.marketplace.booked(event), try await money.marketplace.booked(event)]
        try await money.pay(event)
        return (event, services)
    }

    /// Runs the jobs that send refunds.
    private func settle(_ money: MarketplaceMoneyFixture) async throws {
        money.app.clock.advance(by: .seconds(10))
        try await money.app.runJobs()
    }

    @Test(arguments: Engine.available)
    func `what is owed for a declined booking keeps no fee when its event is cancelled`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            let (event, services) = try await paid(money)
            money.stripe.fail(Self.refused, path: "/v1/refunds")
            #expect(await money.post("bookings/decline/\(services[0])", as: money.provider).status == 200)
            try await settle(money)
            #expect(try await money.balances() == [.provider: -648_000, .held: 648_000])
            let cancelled = await money.cancel(event)
            #expect(cancelled["platform_fee_minor"] == 32_400, "\(cancelled)")
            #expect(cancelled["refund_amount_minor"] == 615_600)
            #expect(try await money.balances() == [.provider: -648_000, .refunded: 615_600, .commission: 32_400])
        }
    }

    @Test(arguments: Engine.available)
    func `a booking whose refund has failed keeps one fee, whatever is cancelled after it`(
        engine: Engine
    ) async throws {
        try await withMarketplaceMoney(engine) { money in
            let (event, services) = try await paid(money)
            money.stripe.fail(Self.refused, path: "/v1/refunds")
            let deleted = await money.marketplace.call(
                "DELETE", "event-services/\(services[0])", as: money.organizer)
            #expect(deleted.status == 200, "\(deleted)")
            try await settle(money)
            #expect(try await money.balances() == [.provider: -648_000, .held: 615_600, .commission: 32_400])
            let cancelled = await money.cancel(event)
            #expect(cancelled["platform_fee_minor"] == 32_400, "\(cancelled)")
            #expect(cancelled["refund_amount_minor"] == 583_200)
            #expect(try await money.balances() == [.provider: -648_000, .refunded: 583_200, .commission: 64_800])
        }
    }

    @Test(arguments: Engine.available)
    func `of a booking that is paid in part, the commission is that of the part`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            let event = try await money.marketplace.event()
            _ = try await money.marketplace.booked(event)
            let intent = try #require(await money.createIntent(event)["payment_intent_id"]?.string)
            _ = try await money.marketplace.booked(event)
            try money.stripe.pay(intent)
            #expect(await money.confirm(intent)["status"] == "completed")
            let cancelled = await money.cancel(event)
            #expect(cancelled["platform_fee_minor"] == 32_400, "\(cancelled)")
            #expect(try await money.balances() == [.provider: -324_000, .refunded: 291_600, .commission: 32_400])
        }
    }

    @Test(arguments: Engine.available)
    func `repeats of decisions answer as the first request, and move nothing`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            let (event, _) = try await money.paidService(isCompleted: false)
            let first = await money.cancel(event)
            let again = await money.cancel(event)
            #expect(again.status == 200 && again.json == first.json, "\(again)")
            #expect(try await money.marketplace.audited("event.cancelled") == 1)

            let (_, service) = try await money.paidService()
            let dispute = try #require(await money.dispute(service)["dispute_id"]?.string)
            func resolve(_ releases: Bool) async -> TestResponse {
                await money.admin(
                    "POST", "disputes/\(dispute)/resolve", ["resolution": "Decided", "release_funds": .bool(releases)])
            }
            let resolved = await resolve(false)
            let repeated = await resolve(false)
            #expect(repeated.status == 200 && repeated.json == resolved.json, "\(repeated)")
            #expect(await resolve(true).code == "service-state")
            #expect(try await money.marketplace.audited("dispute.resolved") == 1)

            let (_, paid) = try await money.paidService()
            #expect(await money.release(paid).status == 200)
            let payout = try #require(try await money.payout(of: paid)["id"]?.string)
            for _ in 0..<2 {
                let reversed = await money.admin("POST", "payouts/\(payout)/reverse", ["reason": "An error"])
                #expect(reversed.status == 200 && reversed["state"] == "reversed", "\(reversed)")
            }
            #expect(
                try await money.balances() == [
                    .provider: -972_000, .refunded: 615_600, .commission: 32_400, .held: 324_000,
                ])
        }
    }

    @Test(arguments: Engine.available)
    func `an event whose bookings were all declined is not paid any more, and can be booked and paid again`(
        engine: Engine
    ) async throws {
        try await withMarketplaceMoney(engine) { money in
            let (event, service) = try await money.paidService(isCompleted: false)
            #expect(await money.marketplace.bookService(event).code == "event-state")
            let declined = await money.post("bookings/decline/\(service)", as: money.provider)
            #expect(declined["event_status"] == "planning", "\(declined)")
            try await settle(money)
            #expect(await money.marketplace.bookVenue(event).status == 200)
            _ = try await money.marketplace.booked(event)
            #expect(await money.createIntent(event)["amount_minor"] == 523_999)
            try await money.pay(event)
            #expect(await money.marketplace.bookService(event).code == "event-state")
        }
    }
}
