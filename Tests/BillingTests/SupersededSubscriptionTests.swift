import App
import Base
import Modules
import Stripe
import TestKit
import TestStripe
import Testing

@testable import Billing

/// Attempts and Checkout pages that stay open beside another plan: a payment of one is refunded.
@Suite struct SupersededSubscriptionTests {
    private func applyPayment(_ intent: String, _ fixture: SubscriptionFixture) async throws {
        try await fixture.test.app.billing.events.refresh(intent, .paymentIntent)
    }

    /// Has events, calls, and the events that follow from these, applied.
    private func deliverAll(_ fixture: SubscriptionFixture) async throws {
        for _ in 0..<4 {
            try await fixture.deliver()
            fixture.test.clock.advance(by: .minutes(1))
        }
        try await fixture.deliver()
    }

    private func isEnded(_ subscription: StripeSubscription?) -> Bool {
        subscription?.status == .canceled || subscription?.status == .incompleteExpired
    }

    /// What was paid for the plan that is in effect is kept, all else is returned and not invoiced.
    private func requireReturned(_ kept: Int64, _ fixture: SubscriptionFixture) async throws {
        let returned = fixture.charged - kept
        #expect(returned > 0 && fixture.stripe.totals["usd"]?.refunded == returned)
        let balances = ["provider": -fixture.charged, "revenue": kept, "refunded": returned].filter { $0.value != 0 }
        #expect(try await fixture.balances() == balances)
        #expect(await fixture.invoices().count == (kept == 0 ? 0 : 1))
        let mails = try await fixture.test.mail(to: fixture.person.email)
        #expect(mails.filter { $0.subject.contains("We return your payment") }.count == 1)
    }

    @Test(arguments: Engine.available)
    func `a period that is paid for in advance ends an open attempt, which cannot be paid any more`(engine: Engine)
        async throws
    {
        try await withSubscriptions(engine) { fixture in
            let started = await fixture.post("payments/subscribe", ["plan": "professional"])
            let id = try #require(started["billing"]?["stripe_subscription_id"]?.string, "\(started)")
            try await fixture.pay("student")
            // A repeat does not lead back to it, also before it has ended at the provider.
            let repeated = await fixture.post("payments/subscribe", ["plan": "professional"])
            #expect(repeated.status == 409 && repeated.code == "already-subscribed", "\(repeated)")
            try await deliverAll(fixture)
            #expect(isEnded(fixture.stripe.object(id)))
            #expect(throws: (any Error).self) { try fixture.stripe.payLatestInvoice(of: id) }
            #expect(await fixture.subscription()["plan"]?["id"] == "student")
            #expect(try await fixture.balances() == ["provider": -999, "revenue": 999])
            // The next period can be paid for.
            try await fixture.pay("student")
            #expect(try await fixture.balances() == ["provider": -1_998, "revenue": 1_998])
        }
    }

    @Test(arguments: Engine.available)
    func `an attempt that was paid before the provider could end it is returned and ended`(engine: Engine) async throws
    {
        try await withSubscriptions(engine) { fixture in
            let started = await fixture.post("payments/subscribe", ["plan": "professional"])
            let id = try #require(started["billing"]?["stripe_subscription_id"]?.string, "\(started)")
            let intent = try #require(await fixture.order("student")["payment_intent_id"]?.string)
            try fixture.stripe.payLatestInvoice(of: id)
            try fixture.stripe.pay(intent)
            // The events of the subscription come later.
            try await applyPayment(intent, fixture)
            try await deliverAll(fixture)
            #expect(isEnded(fixture.stripe.object(id)))
            let present = await fixture.subscription()
            #expect(present["plan"]?["id"] == "student", "\(present)")
            try await requireReturned(999, fixture)
            #expect(try await fixture.notices() == [])
        }
    }

    @Test(arguments: Engine.available)
    func `an attempt of which the provider's answer was lost ends when it is known`(engine: Engine) async throws {
        try await withSubscriptions(engine) { fixture in
            fixture.stripe.fail(.lostAfterEffect, path: "/v1/subscriptions")
            _ = await fixture.post("payments/subscribe", ["plan": "professional"])
            try await fixture.pay("student")
            try await deliverAll(fixture)
            #expect(fixture.atProvider.count == 1 && fixture.atProvider.allSatisfy { isEnded($0) })
            #expect(try await fixture.balances() == ["provider": -999, "revenue": 999])
        }
    }

    @Test(arguments: Engine.available)
    func `an open page ends with a payment in advance, and one that was paid is returned`(engine: Engine) async throws {
        for isPaid in [false, true] {
            try await withSubscriptions(engine) { fixture in
                let page = await fixture.post("stripe/create-checkout-session", ["plan_id": "student"])
                let session = try #require(page["session_id"]?.string, "\(page)")
                let intent = try #require(await fixture.order("employee")["payment_intent_id"]?.string)
                try fixture.stripe.pay(intent)
                if isPaid { try fixture.stripe.completeCheckout(session) }
                try await applyPayment(intent, fixture)
                try await deliverAll(fixture)
                #expect(await fixture.subscription()["plan"]?["id"] == "employee")
                #expect(fixture.atProvider.allSatisfy { isEnded($0) })
                if isPaid {
                    try await requireReturned(2_999, fixture)
                } else {
                    #expect(throws: (any Error).self) { try fixture.stripe.completeCheckout(session) }
                    #expect(try await fixture.balances() == ["provider": -2_999, "revenue": 2_999])
                }
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a page that is paid later takes no plan that a code or an administrator has given`(engine: Engine)
        async throws
    {
        for isByCode in [true, false] {
            try await withSubscriptions(engine) { fixture in
                let administrator = try await fixture.test.administrator()
                let page = await fixture.post("stripe/create-checkout-session", ["plan_id": "student"])
                let session = try #require(page["session_id"]?.string, "\(page)")
                if isByCode {
                    let made = await fixture.post("admin/access-codes", ["plan": "enterprise"], as: administrator)
                    let code = try #require(made["codes"]?[0]?["code"]?.string, "\(made)")
                    let redeemed = await fixture.post("payments/redeem-code", ["code": .string(code)])
                    #expect(redeemed.status == 200, "\(redeemed)")
                } else {
                    let given = await fixture.post(
                        "payments/subscriptions/\(fixture.person.id)/adjust", ["plan": "enterprise"],
                        as: administrator)
                    #expect(given.status == 200, "\(given)")
                }
                let through = await fixture.subscription()["paid_through"]
                try fixture.stripe.completeCheckout(session)
                try await deliverAll(fixture)
                let present = await fixture.subscription()
                #expect(present["plan"]?["id"] == "enterprise" && present["paid_through"] == through, "\(present)")
                #expect(fixture.atProvider.count == 1 && fixture.atProvider.allSatisfy { isEnded($0) })
                try await requireReturned(0, fixture)
            }
        }
    }
}
