import Base
import Identity
import Modules
import Stripe
import TestKit
import TestStripe
import Testing

@testable import Billing

/// Disputes of payments, by the provider's events.
@Suite struct DisputeTests {
    /// Has the provider's events polled and applied.
    private func follow(_ payouts: PayoutFixture) async throws {
        payouts.advance(by: .minutes(11))
        try await payouts.test.runJobs()
    }

    private func listed(_ payouts: PayoutFixture) async -> [JSONValue] {
        await payouts.admin("GET", "payment-disputes")["data"]?.array ?? []
    }

    @Test(arguments: Engine.available)
    func `a dispute withdraws held money, and winning it returns the money`(engine: Engine) async throws {
        try await withPayouts(engine) { payouts in
            let payment = try await payouts.pay(5_000)
            let dispute = try payouts.stripe.openDispute(paymentIntent: try #require(payment.intentID))
            try await follow(payouts)
            #expect(try await payouts.balances(of: payouts.payer) == [.held: 100_000, .disputed: 5_000])
            let open = try #require(await listed(payouts).first)
            #expect(open["funds"] == "withdrawn" && open["amount"] == 50 && open["amount_minor"] == 5_000)
            #expect(open["provider_id"] == .string(dispute) && open["payment_id"] == .string(payment.id.text))
            payouts.stripe.closeDispute(dispute, isWon: true)
            for _ in 0..<2 { try await follow(payouts) }
            #expect(try await payouts.balances(of: payouts.payer) == [.held: 105_000])
            #expect(await listed(payouts).map { $0["funds"] } == ["returned"])
            #expect(payouts.stripe.totals["usd"]?.disputed == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `a dispute moves its money once, whatever step fails`(engine: Engine) async throws {
        let loop = FaultLoop.ofMoney
        try await withPayouts(engine, databaseWrapper: loop.wrap) { payouts in
            let payment = try await payouts.pay(5_000)
            let won = try payouts.stripe.openDispute(paymentIntent: try #require(payment.intentID), amount: 3_000)
            try await loop.run("withdrawal", on: payouts.test, atLeast: 10) {
                try await payouts.billing.events.refresh(won, .dispute)
            }
            #expect(try await payouts.balances(of: payouts.payer) == [.held: 102_000, .disputed: 3_000])
            payouts.stripe.closeDispute(won, isWon: true)
            try await loop.run("return", on: payouts.test, atLeast: 5) {
                try await payouts.billing.events.refresh(won, .dispute)
            }
            #expect(try await payouts.balances(of: payouts.payer) == [.held: 105_000])
            let lost = try payouts.stripe.openDispute(paymentIntent: try #require(payment.intentID), amount: 2_000)
            payouts.stripe.closeDispute(lost, isWon: false)
            try await loop.run("loss", on: payouts.test, atLeast: 5) {
                try await payouts.billing.events.refresh(lost, .dispute)
            }
            try await follow(payouts)
            #expect(try await payouts.balances(of: payouts.payer) == [.held: 103_000, .disputeLost: 2_000])
            #expect(await listed(payouts).compactMap { $0["funds"]?.string }.sorted() == ["lost", "returned"])
        }
    }

    @Test(arguments: Engine.available)
    func `what the payer does not hold any more is the platform's, and a lost dispute is lost`(engine: Engine)
        async throws
    {
        try await withPayouts(engine) { payouts in
            let payment = try await payouts.pay(5_000)
            _ = try await payouts.release(payouts.newPayout("service-1", 104_000, commission: 4_000))
            let dispute = try payouts.stripe.openDispute(paymentIntent: try #require(payment.intentID))
            try await follow(payouts)
            #expect(try await payouts.balances(of: payouts.payer) == [.disputed: 5_000])
            #expect(
                try await payouts.balances(of: .platform)
                    == [.provider: -105_000, .commission: 4_000, .revenue: -4_000])
            payouts.stripe.closeDispute(dispute, isWon: false)
            for _ in 0..<2 { try await follow(payouts) }
            #expect(try await payouts.balances(of: payouts.payer) == [.disputeLost: 5_000])
            #expect(await listed(payouts).map { $0["status"] } == ["lost"])
        }
    }

    @Test(arguments: Engine.available)
    func `a dispute whose event precedes that of its payment takes the money that is held`(engine: Engine)
        async throws
    {
        try await withPayouts(engine) { payouts in
            let payment = try await payouts.begin(payment: 5_000)
            let intent = try #require(payment.intentID)
            try payouts.stripe.pay(intent)
            let dispute = try payouts.stripe.openDispute(paymentIntent: intent)
            await #expect(throws: Problem.self) { try await payouts.billing.events.refresh(dispute, .dispute) }
            #expect(await listed(payouts).isEmpty)
            #expect(try await payouts.balances(of: payouts.payer) == [.held: 100_000])
            _ = try await payouts.billing.payments.refresh(payment.id)
            try await payouts.billing.events.refresh(dispute, .dispute)
            #expect(try await payouts.balances(of: payouts.payer) == [.held: 100_000, .disputed: 5_000])
        }
    }
}
