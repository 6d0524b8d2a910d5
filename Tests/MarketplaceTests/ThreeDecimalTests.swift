import Base
import Modules
import Stripe
import TestKit
import TestStripe
import Testing

@testable import Billing
@testable import Marketplace

/// Currencies of three decimals, whose last digit the provider does not take.
@Suite struct ThreeDecimalTests {
    @Test(arguments: Engine.available)
    func `a dinar's fees, refunds and transfers are amounts that the provider takes`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            let offers = await money.marketplace.get("service-provider-services", as: money.provider)
            let offer = try #require(offers["data"]?[0]?["id"]?.string, "\(offers)")
            let changed = await money.marketplace.call(
                "PUT", "service-provider-services/\(offer)", ["price": 1.23, "currency": "kwd"], as: money.provider)
            #expect(changed.status == 200, "\(changed)")
            func paid() async throws -> (event: String, service: String) {
                let event = try await money.marketplace.create(
                    "events", ["event_type": "party", "guest_count": 1, "date": "2026-06-20", "currency": "kwd"],
                    as: money.organizer)
                let service = try await money.marketplace.booked(event)
                try await money.pay(event)
                return (event, service)
            }
            // The commission of 1.230 is 0.123, of which the provider takes 0.120.
            let cancelled = await money.cancel(try await paid().event)
            #expect(cancelled["platform_fee_minor"] == 120 && cancelled["refund_amount_minor"] == 1_110, "\(cancelled)")
            #expect(cancelled["refund_status"] == "succeeded")
            let (event, service) = try await paid()
            let list = await money.marketplace.get("payments/\(event)", as: money.organizer)
            let payment = try #require(list["data"]?[0]?["id"]?.string)
            let refused = await money.app.call(
                "POST", "/v1/admin/payments/\(payment)/refunds", json: ["amount": 0.001, "reason": "A part"],
                token: money.administrator.token, headers: ["Idempotency-Key": "part"])
            #expect(refused.status == 422 && refused.text.contains("a multiple of 0.010 KWD"), "\(refused)")
            try await money.complete(service)
            let released = await money.release(service)
            #expect(released["payout_amount_minor"] == 1_110 && released["commission_minor"] == 120, "\(released)")
            #expect(money.transfers.map(\.amount.minorUnits) == [1_110])
        }
    }

    @Test(
        arguments: [
            ("usd", 1_235, 124), ("kwd", 1_230, 120), ("kwd", 1_250, 130), ("kwd", 10, 0), ("usd", 1, 0),
        ] as [(String, Int64, Int64)])
    func `a commission is rounded to what can be paid, and is less than the amount`(
        _ currency: String, _ amount: Int64, _ part: Int64
    ) throws {
        #expect(Commission.usual.part(of: Money(amount, try #require(Currency(currency)))) == part)
        let most = Commission(basisPoints: 9_999)
        for minor in [10, 20, 1_000] as [Int64] {
            let money = Money(minor, try #require(Currency(currency)))
            #expect(most.part(of: money) < minor && most.part(of: money) >= 0)
        }
    }
}
