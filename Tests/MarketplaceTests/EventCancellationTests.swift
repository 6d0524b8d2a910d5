import Base
import Billing
import Modules
import Stripe
import TestKit
import TestStripe
import Testing

/// Cancellations: what was paid goes back once, without the commission, and never beside a release.
@Suite struct EventCancellationTests {
    @Test(arguments: Engine.available)
    func `a paid event is cancelled by its organizer, and 90 per cent go back`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            let (event, service) = try await money.paidService(isCompleted: false)
            let other = try await money.app.register("other")
            #expect(await money.cancel(event, as: other).status == 404)
            #expect(await money.cancel(event, as: money.provider).code == "not-the-owner")
            let cancelled = await money.cancel(event)
            #expect(cancelled.status == 200 && cancelled["refund_amount"]?.number == 2_916, "\(cancelled)")
            #expect(cancelled["platform_fee"]?.number == 324 && cancelled["refund_status"] == "succeeded")
            #expect(await money.cancel(event).json == cancelled.json)
            #expect(await money.status(of: service) == "cancelled")
            #expect(money.refunds.map(\.amount.minorUnits) == [291_600])
            #expect(try await money.balances() == [.provider: -324_000, .refunded: 291_600, .commission: 32_400])
        }
    }

    @Test(arguments: Engine.available)
    func `a completed service stays payable when its event is cancelled`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            let event = try await money.marketplace.event()
            let (done, open) = (try await money.marketplace.booked(event), try await money.marketplace.booked(event))
            try await money.pay(event)
            try await money.complete(done)
            let cancelled = await money.cancel(event)
            #expect(cancelled["refund_amount_minor"] == 291_600, "\(cancelled)")
            #expect(await money.status(of: open) == "cancelled")
            #expect(await money.release(done).status == 200)
            #expect(
                try await money.balances()
                    == [.provider: -648_000, .refunded: 291_600, .inTransit: 291_600, .commission: 64_800])
        }
    }

    @Test(arguments: Engine.available)
    func `after a release nothing is refunded before its reversal`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            let (event, service) = try await money.paidService()
            #expect(await money.release(service).status == 200)
            let refused = await money.cancel(event)
            #expect(refused.status == 409 && refused.code == "service-released", "\(refused)")
            let payouts = await money.admin("GET", "payouts?subject=\(service)")
            let payout = try #require(payouts["data"]?[0]?["id"]?.string)
            let reversed = await money.admin("POST", "payouts/\(payout)/reverse", ["reason": "An error"])
            #expect(reversed.status == 200, "\(reversed)")
            #expect(await money.status(of: service) == "completed")
            #expect(try await money.balances() == [.provider: -324_000, .held: 324_000])
            #expect(await money.release(service)["already_released"] == false)
            #expect(money.transfers.count { !$0.isReversed } == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `a release and a cancellation at once pay nothing twice`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            let (event, service) = try await money.paidService()
            async let release = money.release(service)
            async let cancellation = money.cancel(event)
            let (released, cancelled) = await (release, cancellation)
            #expect(released.status == 200, "\(released)")
            #expect([200, 409].contains(cancelled.status), "\(cancelled)")
            #expect(money.refunds.isEmpty)
            #expect(try await money.balances() == [.provider: -324_000, .inTransit: 291_600, .commission: 32_400])
        }
    }

    @Test(arguments: Engine.available)
    func `of four cancellations at once one refunds`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            let (event, _) = try await money.paidService(isCompleted: false)
            let responses = await withTaskGroup(of: TestResponse.self) { group in
                for _ in 0..<4 { group.addTask { await money.cancel(event) } }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(responses.allSatisfy { $0["refund_amount_minor"] == 291_600 }, "\(responses)")
            #expect(money.refunds.map(\.amount.minorUnits) == [291_600])
        }
    }

    @Test(arguments: Engine.available)
    func `a refund that the provider refuses leaves the money with the event`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            let (event, _) = try await money.paidService(isCompleted: false)
            money.stripe.fail(
                .refused(status: 400, type: "invalid_request_error", code: "charge_disputed"), path: "/v1/refunds")
            let cancelled = await money.cancel(event)
            #expect(cancelled.status == 200 && cancelled["refund_status"] == "failed", "\(cancelled)")
            #expect(try await money.balances() == [.provider: -324_000, .held: 291_600, .commission: 32_400])
        }
    }

    @Test(arguments: Engine.available)
    func `a cancellation that stops at any step refunds once`(engine: Engine) async throws {
        let loop = FaultLoop.ofEvents
        try await withMarketplaceMoney(engine, databaseWrapper: loop.wrap) { money in
            let (event, _) = try await money.paidService(isCompleted: false)
            try await loop.run("cancellation", on: money.app, atLeast: 20) {
                try await money.cancel(event).require(200)
            }
            money.app.clock.advance(by: .minutes(2))
            try await money.app.runJobs()
            #expect(money.refunds.map(\.amount.minorUnits) == [291_600])
            #expect(try await money.balances() == [.provider: -324_000, .refunded: 291_600, .commission: 32_400])
        }
    }
}
