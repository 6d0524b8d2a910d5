import Base
import Billing
import Modules
import Stripe
import TestKit
import TestStripe
import Testing

/// The e-mails that vendors get about their money: each once, with the change that it tells of.
@Suite struct ReleaseNoticeTests {
    private static let paid = "You were paid"
    private static let failed = "A payment to you failed"
    private static let returned = "Your bank returned a payment"
    private static let takenBack = "A payment to you was taken back"

    private func notices(_ money: MarketplaceMoneyFixture) async throws -> [ReceivedMail] {
        let wanted = [Self.paid, Self.failed, Self.returned, Self.takenBack]
        return try await money.app.mail(to: money.provider.email).filter { wanted.contains($0.subject) }
    }

    /// Has the provider's events polled and applied.
    private func follow(_ money: MarketplaceMoneyFixture) async throws {
        money.app.clock.advance(by: .minutes(11))
        try await money.app.runJobs()
    }

    @Test(arguments: Engine.available)
    func `a vendor gets one e-mail about a payout that fails, and one about its payment`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            let (_, service) = try await money.paidService()
            money.stripe.fail(
                next: 2, .refused(status: 400, type: "invalid_request_error", code: "balance_insufficient"),
                path: "/v1/transfers")
            for _ in 0..<2 { #expect(await money.release(service).code == "transfer-failed") }
            let failure = try #require(try await notices(money).first)
            #expect(try await notices(money).map(\.subject) == [Self.failed])
            #expect(failure.text.contains("2916.00 USD for Good Food and the event of 2026-06-20"), "\(failure.text)")
            // The reason may be the platform's own.
            #expect(!failure.text.contains("Refused by a fault"))

            // E-mails of one time have no order.
            money.app.clock.advance(by: .seconds(1))
            for _ in 0..<2 { #expect(await money.release(service).status == 200) }
            #expect(try await notices(money).map(\.subject) == [Self.failed, Self.paid])
            let payment = try #require(try await notices(money).last)
            #expect(payment.text.contains("2916.00 USD") && payment.text.contains("324.00 USD"), "\(payment.text)")
            #expect(try await money.app.mail(to: money.organizer.email).allSatisfy { $0.subject != Self.paid })
        }
    }

    @Test(arguments: Engine.available)
    func `a vendor gets one e-mail about money that the bank returns, and one about money that is taken back`(
        engine: Engine
    ) async throws {
        try await withMarketplaceMoney(engine) { money in
            let (_, service) = try await money.paidService()
            #expect(await money.release(service).status == 200)
            let account = try #require((money.stripe.objects() as [StripeAccount]).first?.id)
            let usd = try #require(Currency("usd"))
            let bank = try money.stripe.payOut(Money(291_600, usd), of: account)
            money.stripe.finishPayout(bank, isPaid: false)
            for _ in 0..<2 { try await follow(money) }
            #expect(try await notices(money).map(\.subject) == [Self.paid, Self.returned])
            let text = try #require(try await notices(money).last).text
            #expect(text.contains("Its reason: The bank account has been closed."), "\(text)")

            let payouts = await money.admin("GET", "payouts?subject=\(service)")
            let payout = try #require(payouts["data"]?[0]?["id"]?.string)
            money.stripe.fail(
                .refused(status: 400, type: "invalid_request_error", code: "balance_insufficient"),
                path: "/v1/transfers")
            let refused = await money.admin("POST", "payouts/\(payout)/reverse", ["reason": "An error"])
            #expect(refused["state"] == "returned", "\(refused)")
            #expect(try await notices(money).count == 2, "a reversal that was refused changes nothing for the vendor")
            let reversed = await money.admin("POST", "payouts/\(payout)/reverse", ["reason": "An error"])
            #expect(reversed["state"] == "reversed", "\(reversed)")
            #expect(try await notices(money).map(\.subject) == [Self.paid, Self.returned, Self.takenBack])
        }
    }
}
