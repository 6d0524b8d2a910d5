import Base
import Foundation
import Stripe
import Testing

@Suite struct StripeRequestTests {
    @Test func `encodes fields in the order in which they were set`() {
        let request = StripeRequest.createPrice(
            product: "prod_1", amount: usd(1_999), recurring: .init(.year), lookupKey: "pro:yearly",
            metadata: ["b": "2", "a": "x & y=z"])
        #expect(
            request.form.encoded
                == "product=prod_1&unit_amount=1999&currency=usd&recurring%5Binterval%5D=year"
                + "&recurring%5Binterval_count%5D=1"
                + "&lookup_key=pro%3Ayearly&metadata%5Ba%5D=x%20%26%20y%3Dz&metadata%5Bb%5D=2")
    }

    @Test func `encodes every byte that is not unreserved`() {
        var form = StripeForm()
        form.set("ä+", "a+b/c\u{0}é😀~")
        #expect(form.encoded == "%C3%A4%2B=a%2Bb%2Fc%00%C3%A9%F0%9F%98%80~")
    }

    @Test(
        arguments: [
            ("sub_1", "/v1/subscriptions/sub_1"), ("", "/v1/subscriptions/-"), ("..", "/v1/subscriptions/-"),
            ("a/../b?c=d#e", "/v1/subscriptions/a%2F..%2Fb%3Fc%3Dd%23e"), ("%2e", "/v1/subscriptions/%252e"),
        ])
    func `keeps an id within its segment of the path`(id: String, path: String) {
        #expect(StripeRequest.subscription(id).path == path)
    }

    @Test func `is the same after it was stored`() throws {
        let request = StripeRequest.createTransfer(
            amount: usd(5), destination: "acct_1", transferGroup: "g", metadata: ["payout": "1"]
        ).acting(for: "acct_2").expanding("destination")
        let data = try JSONEncoder().encode(request)
        #expect(try JSONDecoder().decode(StripeRequest.self, from: data) == request)
    }

    @Test func `writes amounts as Stripe does`() throws {
        let isk = try #require(Currency("isk"))
        #expect(StripeAmount.units(of: Money(5, isk)) == 500)
        #expect(StripeAmount.money(500, isk) == Money(5, isk))
        #expect(StripeAmount.money(501, isk) == nil)
        for code in ["usd", "jpy", "bhd", "huf", "twd"] {
            let currency = try #require(Currency(code))
            #expect(StripeAmount.units(of: Money(1_230, currency)) == 1_230)
            #expect(StripeAmount.money(1_230, currency) == Money(1_230, currency))
        }
    }

    @Test func `writes percentages without a binary float`() {
        let coupon = StripeRequest.createCoupon(id: "c", .percent(hundredths: 1_050), duration: .once)
        #expect(coupon.form.fields.first { $0.name == "percent_off" }?.value == "10.50")
        let rate = StripeRequest.createTaxRate(name: "VAT", tenThousandths: 77_000, isInclusive: false)
        #expect(rate.form.fields.first { $0.name == "percentage" }?.value == "7.7000")
    }

    @Test(
        arguments: [
            ("sk_test_1", StripeKeyMode.test), ("sk_live_1", .live), ("rk_live_1", .live), ("pk_test_1", .test),
            ("sk_prod_1", nil), ("whsec_1", nil), ("sk_live_", nil), ("", nil), ("sk_test", nil),
        ] as [(String, StripeKeyMode?)])
    func `reads the mode of a key`(key: String, mode: StripeKeyMode?) {
        #expect(StripeKeyMode(key: key) == mode)
    }
}
