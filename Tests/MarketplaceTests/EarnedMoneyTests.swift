import Base
import Billing
import Modules
import Stripe
import TestKit
import TestStripe
import Testing

/// The money of work that is done stays for its vendor, whatever is refunded, disputed or cancelled.
@Suite struct EarnedMoneyTests {
    /// The payment of an event, and its intent.
    private func payment(
        of event: String, _ money: MarketplaceMoneyFixture
    ) async throws -> (id: String, intent: String) {
        let list = await money.marketplace.get("payments/\(event)", as: money.organizer)
        return (
            try #require(list["data"]?[0]?["id"]?.string), try #require(list["data"]?[0]?["payment_intent_id"]?.string)
        )
    }

    private func refund(_ payment: String, _ minor: Int64?, key: String, _ money: MarketplaceMoneyFixture) async
        -> TestResponse
    {
        var body: [String: JSONValue] = ["reason": "A decision"]
        if let minor { body["amount_minor"] = .integer(minor) }
        return await money.app.call(
            "POST", "/v1/admin/payments/\(payment)/refunds", json: .object(body), token: money.administrator.token,
            headers: ["Idempotency-Key": key])
    }

    /// The provider has money of the platform beside that of the event.
    private func fund(_ money: MarketplaceMoneyFixture) throws {
        money.stripe.addFunds(Money(1_000_000, try #require(Currency("usd"))))
    }

    /// Has the provider's events polled and applied, and refunds sent.
    private func follow(_ money: MarketplaceMoneyFixture) async throws {
        for _ in 0..<2 {
            money.app.clock.advance(by: .minutes(11))
            try await money.app.runJobs()
        }
    }

    @Test(arguments: Engine.available)
    func `an administrator refunds what no completed work needs`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            let event = try await money.marketplace.event()
            let (done, _) = (try await money.marketplace.booked(event), try await money.marketplace.booked(event))
            try await money.pay(event)
            try await money.complete(done)
            let payment = try await payment(of: event, money).id
            let refused = await refund(payment, 324_001, key: "more", money)
            #expect(refused.code == "refund-too-high" && refused["refundable_minor"] == 324_000, "\(refused)")
            #expect(await refund(payment, nil, key: "rest", money)["amount_minor"] == 324_000)
            #expect(await refund(payment, 1, key: "one", money).code == "refund-too-high")
            #expect(await refund(payment, nil, key: "none", money).code == "refund-too-high")
            #expect(await money.release(done).status == 200)
        }
    }

    @Test(arguments: Engine.available)
    func `after a kept fee, a refund of all returns what is left`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            let (event, _) = try await money.paidService(isCompleted: false)
            money.stripe.fail(
                .refused(status: 400, type: "invalid_request_error", code: "charge_disputed"), path: "/v1/refunds")
            #expect(await money.cancel(event)["refund_status"] == "failed")
            let all = await refund(try await payment(of: event, money).id, nil, key: "all", money)
            #expect(all.status == 201 && all["amount_minor"] == 291_600, "\(all)")
            #expect(try await money.balances() == [.provider: -324_000, .refunded: 291_600, .commission: 32_400])
        }
    }

    @Test(arguments: Engine.available)
    func `a bank's dispute of completed work is the platform's, and the vendor is paid`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            let (event, service) = try await money.paidService()
            let dispute = try money.stripe.openDispute(paymentIntent: try await payment(of: event, money).intent)
            try await follow(money)
            #expect(
                try await money.balances()
                    == [.provider: -324_000, .held: 324_000, .disputed: 324_000, .revenue: -324_000])
            #expect(await money.createIntent(event).code == "nothing-to-pay")
            try fund(money)
            #expect(await money.release(service).status == 200)
            money.stripe.closeDispute(dispute, isWon: false)
            try await follow(money)
            #expect(
                try await money.balances() == [
                    .provider: -324_000, .disputeLost: 324_000, .revenue: -324_000, .inTransit: 291_600,
                    .commission: 32_400,
                ])
        }
    }

    @Test(arguments: Engine.available)
    func `what a bank has taken before the work is done is paid again`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            let (event, service) = try await money.paidService(isCompleted: false)
            let dispute = try money.stripe.openDispute(paymentIntent: try await payment(of: event, money).intent)
            money.stripe.closeDispute(dispute, isWon: false)
            try await follow(money)
            try await money.complete(service)
            #expect(await money.release(service).code == "event-not-paid")
            #expect(await money.createIntent(event)["amount_minor"] == 324_000)
            try await money.pay(event)
            try fund(money)
            #expect(await money.release(service).status == 200)
            #expect(
                try await money.balances()
                    == [.provider: -648_000, .disputeLost: 324_000, .inTransit: 291_600, .commission: 32_400])
        }
    }

    @Test(arguments: Engine.available)
    func `the money of a dispute that is won after the cancellation goes back whole`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            let (event, _) = try await money.paidService(isCompleted: false)
            let dispute = try money.stripe.openDispute(paymentIntent: try await payment(of: event, money).intent)
            try await follow(money)
            let cancelled = await money.cancel(event)
            #expect(cancelled["refund_amount_minor"] == 0 && cancelled["platform_fee_minor"] == 0, "\(cancelled)")
            money.stripe.closeDispute(dispute, isWon: true)
            try await follow(money)
            #expect(try await money.balances() == [.provider: -324_000, .refunded: 324_000])
            #expect(money.refunds.map(\.amount.minorUnits) == [324_000])
        }
    }

    @Test(arguments: Engine.available)
    func `a refund in the dashboard takes no money of completed work`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            let (event, service) = try await money.paidService()
            try money.stripe.refund(paymentIntent: try await payment(of: event, money).intent)
            try await follow(money)
            #expect(
                try await money.balances()
                    == [.provider: -324_000, .held: 324_000, .refunded: 324_000, .revenue: -324_000])
            try fund(money)
            #expect(await money.release(service).status == 200)
        }
    }

    @Test(arguments: Engine.available)
    func `a release to an account that the provider restricts says so`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            let (_, service) = try await money.paidService()
            let account = try #require((money.stripe.objects() as [StripeAccount]).first?.id)
            money.stripe.restrict(account)
            let refreshed = await money.app.call("POST", "/v1/payout-account/refresh", token: money.provider.token)
            #expect(refreshed["can_be_paid"] == false, "\(refreshed)")
            let refused = await money.release(service)
            #expect(refused.code == "onboarding-required", "\(refused)")
            #expect(refused["detail"]?.string?.contains("restricts the payee's account") == true, "\(refused)")
        }
    }
}
