import App
import Base
import Modules
import Stripe
import TestKit
import TestStripe
import Testing

@testable import Billing

/// The verbs of subscriptions that are paid for, with each step of their transactions failing once: a client that
/// repeats its request gets what it asked for, once.
@Suite struct SubscriptionFaultTests {
    @Test(arguments: Engine.available)
    func `a start and its first payment count once, and so does the coupon`(engine: Engine) async throws {
        let loop = FaultLoop.ofCalls
        try await withSubscriptions(engine, databaseWrapper: loop.wrap) { fixture in
            try await fixture.makeCoupon("HALF")
            #expect(await fixture.post("payments/start-trial").status == 201)
            try await loop.run("start", on: fixture.test, atLeast: 40) {
                try await fixture.post("payments/subscribe", ["plan": "student", "coupon": "HALF"]).require(201)
            }
            let subscription = try #require(fixture.atProvider.first)
            #expect(fixture.atProvider.count == 1)
            #expect((fixture.stripe.objects() as [StripeCustomer]).count == 1)
            #expect((fixture.stripe.objects() as [StripePrice]).count == 1)
            #expect(await fixture.subscription()["status"] == "trialing")

            try fixture.stripe.payLatestInvoice(of: subscription.id)
            try await loop.run("first payment", on: fixture.test, atLeast: 30) {
                try await fixture.read(subscription.id)
            }
            try await fixture.deliver()
            let paid = await fixture.subscription()
            #expect(paid["status"] == "active" && paid["plan"]?["id"] == "student", "\(paid)")
            #expect(await fixture.get("payments/trial-status")["is_active"] == false)
            #expect(try await fixture.notices() == ["started"])
            #expect(try await fixture.redemptions(of: "HALF") == 1)
            #expect(fixture.charged == 499)
            try await fixture.requireRevenue(invoices: 1)
        }
    }

    @Test(arguments: Engine.available)
    func `an upgrade, a downgrade, an end and their revocations have their effect once`(engine: Engine) async throws {
        let loop = FaultLoop.ofCalls
        try await withSubscriptions(engine, databaseWrapper: loop.wrap) { fixture in
            let id = try await fixture.buy("student")
            try await loop.change("upgrade", fixture, ["plan": "employee"], atLeast: 30, or: "conflict")
            try await fixture.deliver()
            #expect(await fixture.subscription()["plan"]?["id"] == "employee")
            try await fixture.requireRevenue(invoices: 2)

            try await loop.change("downgrade", fixture, ["plan": "student"], or: "conflict")
            let smaller = await fixture.subscription()
            #expect(smaller["plan"]?["id"] == "employee" && smaller["next_plan"] == "student", "\(smaller)")
            #expect(fixture.atProvider.first?.items.first?.price.amount?.minorUnits == 999)
            try await loop.change("resumption", fixture, nil, or: "subscription-state")
            let kept = await fixture.subscription()
            #expect(kept["plan"]?["id"] == "employee" && kept["next_plan"] == nil, "\(kept)")
            #expect(fixture.atProvider.first?.items.first?.price.amount?.minorUnits == 2_999)

            try await loop.change("cancel-subscription", fixture, [:])
            let ending = await fixture.subscription()
            #expect(ending["cancel_at"] != nil && ending["cancel_at"] == ending["paid_through"], "\(ending)")
            #expect(fixture.atProvider.first?.cancelsAtPeriodEnd == true)
            try await loop.change("resumption", fixture, nil, or: "subscription-state")
            #expect(await fixture.subscription()["cancel_at"] == nil)
            #expect(fixture.atProvider.first?.cancelsAtPeriodEnd == false)

            try await loop.change("cancel-subscription", fixture, ["immediate": true], or: "subscription-state")
            try await fixture.deliver()
            #expect(await fixture.subscription().code == "no-active-subscription")
            #expect(fixture.stripe.object(id, as: StripeSubscription.self)?.status == .canceled)
            #expect(fixture.atProvider.count == 1)
            #expect(try await fixture.notices() == ["ended", "started"])
            // Nothing but the start and the upgrade was charged.
            try await fixture.requireRevenue(invoices: 2)
        }
    }

    @Test(arguments: Engine.available)
    func `a failed renewal, the end of its attempts and its late payment are applied once`(engine: Engine) async throws
    {
        let loop = FaultLoop.ofCalls
        var settings = TestStripeServer.Settings()
        settings.afterRetries = .unpaid
        try await withSubscriptions(engine, settings: settings, databaseWrapper: loop.wrap) { fixture in
            let id = try await fixture.buy("employee")
            let customer = try #require(fixture.stripe.object(id, as: StripeSubscription.self)).customer
            fixture.stripe.setCards(of: customer, .declines(code: "card_declined", declineCode: nil))
            // The month ends on 28 February, and is to be renewed.
            fixture.test.clock.advance(by: .days(29))
            try await loop.run("past due", on: fixture.test, atLeast: 10) { try await fixture.read(id) }
            let failed = await fixture.subscription()
            #expect(failed["status"] == "past_due" && failed["plan"]?["id"] == "employee", "\(failed)")
            fixture.test.clock.advance(by: .days(8))
            #expect(await fixture.get("usage")["plan"] == "Free")
            // Further attempts are made on 3, 8 and 15 March.
            fixture.test.clock.advance(by: .days(9))
            try await loop.run("unpaid", on: fixture.test) { try await fixture.read(id) }
            #expect(try await fixture.status() == "unpaid")
            try await fixture.requireRevenue(invoices: 1)

            fixture.stripe.setCards(of: customer, .succeeds)
            try fixture.stripe.payLatestInvoice(of: id)
            try await loop.run("late payment", on: fixture.test, atLeast: 10) { try await fixture.read(id) }
            try await fixture.deliver()
            let restored = await fixture.subscription()
            #expect(restored["status"] == "active" && restored["plan"]?["id"] == "employee", "\(restored)")
            let notices = try await fixture.notices()
            #expect(Set(notices).count == notices.count && notices.contains { $0.hasPrefix("failed:") }, "\(notices)")
            try await fixture.requireRevenue(invoices: 2)
        }
    }

    @Test(arguments: Engine.available)
    func `an attempt that is not paid in time releases its coupon once`(engine: Engine) async throws {
        let loop = FaultLoop.ofCalls
        try await withSubscriptions(engine, databaseWrapper: loop.wrap) { fixture in
            try await fixture.makeCoupon("HALF")
            let order: JSONValue = ["plan": "student", "coupon": "HALF"]
            let started = await fixture.post("payments/subscribe", order)
            let id = try #require(started["billing"]?["stripe_subscription_id"]?.string, "\(started)")
            #expect(try await fixture.redemptions(of: "HALF") == 1)
            fixture.test.clock.advance(by: .hours(24))
            try await loop.run("expiry", on: fixture.test, atLeast: 8) { try await fixture.read(id) }
            #expect(try await fixture.redemptions(of: "HALF") == 0)
            try await fixture.requireRevenue(invoices: 0)
            #expect(await fixture.post("payments/subscribe", order).status == 201)
            #expect(try await fixture.redemptions(of: "HALF") == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `a Checkout page is made, replaced and paid once`(engine: Engine) async throws {
        let loop = FaultLoop.ofCalls
        try await withSubscriptions(engine, databaseWrapper: loop.wrap) { fixture in
            func page(_ plan: String) -> JSONValue { ["plan_id": .string(plan), "billing_cycle": "monthly"] }
            func sessions() -> [StripeCheckoutSession] { fixture.stripe.objects() }
            try await loop.run("page", on: fixture.test, atLeast: 40) {
                try await fixture.post("stripe/create-checkout-session", page("student")).require(200)
            }
            #expect(sessions().map(\.status.text) == ["open"])
            try await loop.run("another page", on: fixture.test, atLeast: 10) {
                try await fixture.sendOpenCalls()
                try await fixture.post("stripe/create-checkout-session", page("employee")).require(200)
            }
            #expect(sessions().map(\.status.text).sorted() == ["expired", "open"])
            let open = try #require(sessions().first { $0.status == .open })
            try fixture.stripe.completeCheckout(open.id)
            try await loop.run("verification", on: fixture.test, atLeast: 20) {
                try await fixture.post("stripe/verify-session", ["session_id": .string(open.id)]).require(200)
            }
            try await fixture.deliver()
            let paid = await fixture.subscription()
            #expect(paid["status"] == "active" && paid["plan"]?["id"] == "employee", "\(paid)")
            #expect(fixture.atProvider.count == 1)
            try await fixture.requireRevenue(invoices: 1)
        }
    }
}

extension FaultLoop {
    /// Runs a change of a subscription. Where an earlier run has written its call, that is sent before the client
    /// repeats its request.
    /// - Parameters:
    ///   - path: below `payments/`.
    ///   - problem: what a repeat may get after the change.
    fileprivate func change(
        _ path: String, _ fixture: SubscriptionFixture, _ body: JSONValue?, atLeast count: Int = 0,
        or problem: String? = nil
    ) async throws {
        try await run(path, on: fixture.test, atLeast: count) {
            try await fixture.sendOpenCalls()
            try await fixture.post("payments/\(path)", body).require(200, or: problem)
        }
    }
}
