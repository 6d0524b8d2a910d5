import App
import Base
import Modules
import Stripe
import TestKit
import TestStripe
import Testing

@testable import Billing

/// Coupons over HTTP, from their making to the invoice.
@Suite struct CouponSubscriptionTests {
    private func make(_ body: JSONValue, _ fixture: SubscriptionFixture) async throws {
        let made = await fixture.post("admin/coupons", body, as: try await fixture.test.administrator())
        #expect(made.status == 201, "\(made)")
    }

    private func subscribe(_ coupon: String, _ fixture: SubscriptionFixture, as person: TestPerson? = nil) async
        -> TestResponse
    {
        await fixture.post("payments/subscribe", ["plan": "student", "coupon": .string(coupon)], as: person)
    }

    /// Pays the first invoice of a subscription that has begun.
    private func pay(_ started: TestResponse, _ fixture: SubscriptionFixture) async throws {
        let id = try #require(started["billing"]?["stripe_subscription_id"]?.string, "\(started)")
        try fixture.stripe.payLatestInvoice(of: id)
        try await fixture.deliver()
    }

    private static let plans = """
        taxes:
          - { name: VAT, percent: 19 }
        plans:
          - { id: free, name: Free, start: anyone, file_mb: 1, storage_mb: 1 }
          - id: student
            name: Student
            start: payment
            prices: [{ cycle: monthly, currency: usd, amount: 999 }]
            file_mb: 1
            storage_mb: 1
        """

    @Test(arguments: Engine.available)
    func `the invoice names the coupon, and is what the preview said and the provider collected, to the cent`(
        engine: Engine
    ) async throws {
        try await withPlansFile(Self.plans) { file in
            try await withSubscriptions(engine, change: { configuration, _ in configuration.plansFile = file }) {
                fixture in
                // 9.99 with 19 % are 11.89; a third less is 7.93, and 5.00 less 6.89.
                for (number, discount, total) in [
                    (1, ["percent": 33.33], 793), (2, ["amount_minor": 500, "currency": "usd"], 689),
                ] as [(Int, [String: JSONValue], Int64)] {
                    let person = try await fixture.test.register("buyer\(number)")
                    let body = discount.merging(["code": .string("TAX-\(number)"), "duration": "once"]) { $1 }
                    try await make(.object(body), fixture)
                    let preview = await fixture.get("payments/coupons/tax-\(number)?plan=student", as: person)
                    #expect(preview["total_minor"] == .integer(total), "\(preview)")
                    #expect(preview["price_minor"] == 999 && preview["tax_minor"] == 190, "\(preview)")
                    try await pay(await subscribe("tax-\(number)", fixture, as: person), fixture)
                    let invoice = await fixture.get("payments/invoices", as: person)["data"]?[0]
                    #expect(invoice?["coupon_code"] == .string("TAX-\(number)"), "\(invoice as Any)")
                    #expect(invoice?["amount_minor"] == .integer(total), "\(invoice as Any)")
                    #expect(invoice?["subtotal_minor"] == 1_189)
                    #expect(invoice?["discount_minor"] == .integer(1_189 - total))
                    let id = invoice?["id"]?.string ?? ""
                    let whole = await fixture.get("payments/invoices/\(id)", as: person)
                    #expect(whole["lines"]?.array?.count == 1 && whole["taxes"]?[0]?["name"] == "VAT", "\(whole)")
                    let history = await fixture.get("payments/history", as: person)
                    #expect(history["data"]?[0]?["amount_minor"] == .integer(total), "\(history)")
                }
                let invoices: [StripeInvoice] = fixture.stripe.objects()
                let collected = invoices.reduce(0) { $0 + $1.amountPaid.minorUnits }
                #expect(collected == 793 + 689)
                #expect(try await fixture.balances() == ["provider": -collected, "revenue": collected])
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a discount that the provider does not take begins nothing, and its reason is told`(engine: Engine)
        async throws
    {
        try await withSubscriptions(engine) { fixture in
            try await make(["code": "ODD", "percent": 50, "duration": "once"], fixture)
            fixture.stripe.fail(
                .refused(status: 400, type: "invalid_request_error", code: "amount_too_large"), path: "/v1/coupons")
            let refused = await subscribe("odd", fixture)
            #expect(refused.status == 402 && refused.code == "payment-refused", "\(refused)")
            #expect(fixture.atProvider.isEmpty)
            #expect(try await fixture.redemptions(of: "ODD") == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `a discount ends with its duration, and one of everything has an invoice without a payment`(engine: Engine)
        async throws
    {
        try await withSubscriptions(engine) { fixture in
            try await make(["code": "GIFT", "percent": 100, "duration": "once"], fixture)
            let started = await subscribe("gift", fixture)
            #expect(started.status == 201, "\(started)")
            try await fixture.deliver()
            #expect(await fixture.subscription()["status"] == "active")
            let first = await fixture.invoices()
            #expect(first.count == 1 && first[0]["amount_minor"] == 0 && first[0]["coupon_code"] == "GIFT", "\(first)")
            #expect(first[0]["discount_minor"] == 999 && first[0]["payment_id"] == nil)
            // The invoice is read again.
            try await fixture.deliver()
            #expect(await fixture.invoices().count == 1)
            let id = try #require(started["billing"]?["stripe_subscription_id"]?.string)
            let customer = try #require(fixture.stripe.object(id, as: StripeSubscription.self)).customer
            let method = fixture.stripe.makePaymentMethod()
            let chosen = await fixture.post("payments/update-payment-method", ["payment_method_id": .string(method)])
            #expect(chosen.status == 200, "\(chosen)")
            fixture.stripe.setCards(of: customer, .succeeds)
            try await fixture.advance(days: 32)
            let second = await fixture.invoices()
            #expect(second.count == 2 && second[0]["amount_minor"] == 999, "\(second)")
            #expect(second[0]["coupon_code"] == nil && second[0]["discount_minor"] == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `of organisations that begin with the last redemption at once, one has it, until its attempt ends`(
        engine: Engine
    ) async throws {
        try await withSubscriptions(engine) { fixture in
            let expiry = fixture.test.clock.now + .days(3)
            try await make(
                [
                    "code": "LAST", "percent": 50, "duration": "forever", "max_redemptions": 1,
                    "expires_at": .string("\(expiry)"),
                ], fixture)
            var people: [TestPerson] = []
            for number in 0..<3 { people.append(try await fixture.test.register("buyer\(number)")) }
            let answers = await withTaskGroup(of: (Int, TestResponse).self) { [people] group in
                for (number, person) in people.enumerated() {
                    group.addTask { (number, await subscribe("last", fixture, as: person)) }
                }
                return await group.reduce(into: [Int: TestResponse]()) { $0[$1.0] = $1.1 }
            }
            let winner = try #require(answers.first(where: { $0.value.status == 201 })?.key, "\(answers)")
            #expect(answers.filter { $0.value.code == "coupon-ended" }.count == 2, "\(answers)")
            // The same organisation continues its attempt, and has taken it once.
            let again = await subscribe("last", fixture, as: people[winner])
            let begun = answers[winner]?["billing"]?["stripe_subscription_id"]
            #expect(again.status == 201 && again["billing"]?["stripe_subscription_id"] == begun, "\(again)")
            let loser = people[(winner + 1) % 3]
            #expect(await subscribe("last", fixture, as: loser).code == "coupon-ended")
            let cancelled = await fixture.post(
                "payments/cancel-subscription", ["immediate": true], as: people[winner])
            #expect(cancelled.status == 200, "\(cancelled)")
            let next = await subscribe("last", fixture, as: loser)
            #expect(next.status == 201, "\(next)")
            try await pay(next, fixture)
            #expect(await fixture.get("payments/invoices", as: loser)["data"]?[0]?["amount_minor"] == 499)
            fixture.test.clock.advance(by: .days(3))
            #expect(await subscribe("last", fixture, as: people[winner]).code == "coupon-ended")
            #expect(await subscribe("none", fixture, as: people[winner]).code == "coupon-not-found")
        }
    }

    @Test(arguments: Engine.available)
    func `a later coupon replaces the attempt, and a repeat without it continues`(engine: Engine) async throws {
        try await withSubscriptions(engine) { fixture in
            try await make(["code": "HALF", "percent": 50, "duration": "once"], fixture)
            var attempts: [String?] = []
            for coupon in [nil, "half", nil, "HALF"] as [String?] {
                var body: [String: JSONValue] = ["plan": "student"]
                body["coupon"] = coupon.map { .string($0) }
                let started = await fixture.post("payments/subscribe", .object(body))
                #expect(started.status == 201, "\(started)")
                attempts.append(started["billing"]?["stripe_subscription_id"]?.string)
            }
            #expect(Set(attempts).count == 2 && attempts[1] == attempts[3])
            let last = try #require(attempts.last ?? nil)
            try fixture.stripe.payLatestInvoice(of: last)
            try await fixture.deliver()
            let invoices = await fixture.invoices()
            #expect(invoices.count == 1 && invoices[0]["amount_minor"] == 499, "\(invoices)")
            #expect(invoices[0]["coupon_code"] == "HALF")
        }
    }

    @Test(arguments: Engine.available)
    func `codes that a client tries are limited wherever they are tried, and plans without one are not`(engine: Engine)
        async throws
    {
        try await withSubscriptions(engine, change: { configuration, _ in configuration.limitsRates = true }) {
            fixture in
            let attempts: [(String, JSONValue)] = [
                ("payments/subscribe", ["plan": "student", "coupon": "UNKNOWN-1"]),
                ("subscriptions/start", ["plan_type": "student", "coupon": "UNKNOWN-2"]),
                ("stripe/create-checkout-session", ["plan_id": "student", "coupon": "UNKNOWN-3"]),
                ("payments/redeem-code", ["code": "AUTOOS-AAAA-AAAA-AAAA-AAAA"]),
            ]
            for (path, body) in attempts {
                let refused = await fixture.post(path, body)
                #expect(refused.status == 404, "\(path): \(refused)")
            }
            #expect(await fixture.get("payments/coupons/unknown-5?plan=student").status == 404)
            for (path, body) in attempts {
                let limited = await fixture.post(path, body)
                #expect(limited.status == 429 && limited.code == "rate-limited", "\(path): \(limited)")
            }
            #expect(await fixture.get("payments/coupons/unknown-6?plan=student").status == 429)
            #expect(await fixture.post("payments/subscribe", ["plan": "student"]).status == 201)
        }
    }
}
