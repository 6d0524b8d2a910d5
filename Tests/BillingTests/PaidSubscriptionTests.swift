import App
import Base
import Modules
import Stripe
import TestKit
import TestStripe
import Testing

@testable import Billing

/// Subscriptions that are paid for, from the first payment to the end, against the double of the provider.
@Suite struct PaidSubscriptionTests {
    @Test(arguments: Engine.available)
    func `a trial stays until the payment, which ends it and gives the limits of the plan`(engine: Engine) async throws
    {
        try await withSubscriptions(engine) { fixture in
            #expect(await fixture.post("payments/start-trial").status == 201)
            let started = await fixture.post("payments/subscribe", ["tier": "employee", "billing_cycle": "monthly"])
            #expect(started.status == 201 && started["status"] == "incomplete", "\(started)")
            #expect(started["billing"]?["amount_minor"] == 2999 && started["billing"]?["currency"] == "usd")
            #expect(await fixture.subscription()["status"] == "trialing")
            let id = try #require(started["billing"]?["stripe_subscription_id"]?.string)
            try fixture.stripe.payLatestInvoice(of: id)
            try await fixture.deliver()
            let paid = await fixture.subscription()
            #expect(paid["status"] == "active" && paid["plan"]?["id"] == "employee", "\(paid)")
            #expect(paid["trial_ends_at"] == nil)
            #expect(await fixture.get("usage")["meters"]?["workflows"]?["limit"] == 500)
            #expect(await fixture.get("payments/trial-status")["is_active"] == false)
            #expect(try await fixture.notices() == ["started"])
        }
    }

    @Test(arguments: Engine.available)
    func `of two requests at once one begins a subscription, and both continue it`(engine: Engine) async throws {
        try await withSubscriptions(engine) { fixture in
            async let first = fixture.post("payments/subscribe", ["plan": "student"])
            async let second = fixture.post("payments/subscribe", ["plan": "student"])
            let answers = await [first, second]
            #expect(answers.contains { $0.status == 201 }, "\(answers)")
            #expect(answers.allSatisfy { $0.status == 201 || $0.code == "payment-in-progress" }, "\(answers)")
            let again = await fixture.post("payments/subscribe", ["plan": "student"])
            #expect(again.status == 201 && again["client_secret"] != nil, "\(again)")
            #expect(fixture.atProvider.count == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `an attempt at another plan takes the place of an unpaid one, and of no paid one`(engine: Engine) async throws
    {
        try await withSubscriptions(engine) { fixture in
            let first = await fixture.post("payments/subscribe", ["plan": "student"])
            let free = await fixture.post("payments/subscribe", ["plan": "free"])
            #expect(free.code == "already-subscribed", "\(free)")
            #expect(free["detail"]?.string?.contains("A first payment is not complete") == true, "\(free)")
            let id = try #require(first["billing"]?["stripe_subscription_id"]?.string)
            let second = await fixture.post("payments/subscribe", ["plan": "employee", "annual": true])
            #expect(second.status == 201 && second["billing"]?["amount_minor"] == 29999, "\(second)")
            let ended = try #require(fixture.stripe.object(id, as: StripeSubscription.self))
            #expect(ended.status == .incompleteExpired || ended.status == .canceled)
            let other = try #require(second["billing"]?["stripe_subscription_id"]?.string)
            // It is paid, and the event has not come yet.
            try fixture.stripe.payLatestInvoice(of: other)
            let third = await fixture.post("payments/subscribe", ["plan": "professional"])
            #expect(third.status == 409 && third.code == "already-subscribed", "\(third)")
            #expect(await fixture.subscription()["plan"]?["id"] == "employee")
            try await fixture.deliver()
            #expect(await fixture.post("payments/subscribe", ["plan": "student"]).code == "already-subscribed")
            #expect(await fixture.post("payments/subscribe", ["plan": "free"]).code == "already-subscribed")
        }
    }

    @Test(arguments: Engine.available)
    func `a renewal that fails leaves a grace period, then Free, and a payment restores the plan`(engine: Engine)
        async throws
    {
        try await withSubscriptions(engine) { fixture in
            let id = try await fixture.buy("employee")
            let paid = try #require(await fixture.subscription()["paid_through"]?.string.flatMap { Instant($0) })
            try await fixture.advance(days: 32)
            let renewed = await fixture.subscription()
            #expect(renewed["status"] == "active" && renewed["period_start"] == .string("\(paid)"), "\(renewed)")
            let customer = try #require(fixture.stripe.object(id, as: StripeSubscription.self)).customer
            fixture.stripe.setCards(of: customer, .declines(code: "card_declined", declineCode: nil))
            try await fixture.advance(days: 29)
            let failed = await fixture.subscription()
            #expect(failed["status"] == "past_due" && failed["plan"]?["id"] == "employee", "\(failed)")
            #expect(await fixture.get("usage")["plan"] == "Employee")
            // No month is begun that is not paid.
            #expect(failed["period_start"] == renewed["period_start"])
            try await fixture.advance(days: 8)
            #expect(await fixture.get("usage")["plan"] == "Free")
            fixture.stripe.setCards(of: customer, .succeeds)
            try fixture.stripe.payLatestInvoice(of: id)
            try await fixture.deliver()
            let restored = await fixture.subscription()
            #expect(restored["status"] == "active" && restored["period_start"] != renewed["period_start"])
            #expect(await fixture.get("usage")["plan"] == "Employee")
            let notices = try await fixture.notices()
            #expect(Set(notices).count == notices.count && notices.contains { $0.hasPrefix("failed:") }, "\(notices)")
        }
    }

    @Test(arguments: Engine.available)
    func `an attempt that failed and an action that is needed are both told, also at once`(engine: Engine) async throws
    {
        try await withSubscriptions(engine) { fixture in
            let id = try await fixture.buy("employee")
            let customer = try #require(fixture.stripe.object(id, as: StripeSubscription.self)).customer
            fixture.stripe.setCards(of: customer, .declines(code: "card_declined", declineCode: nil))
            var failed: JSONValue?
            for _ in 0..<33 where failed == nil {
                fixture.test.clock.advance(by: .days(1))
                for webhook in fixture.stripe.webhooks(TestStripeDelivery()) {
                    await fixture.send(webhook.body)
                    let event = try JSONValue(parsing: webhook.body)
                    if event["type"] == "invoice.payment_failed" { failed = event }
                }
                if failed == nil { try await fixture.test.runJobs() }
            }
            var event = try #require(failed?.object)
            (event["id"], event["type"]) = ("evt_action", "invoice.payment_action_required")
            await fixture.send(Array(try JSONValue.object(event).json().utf8))
            // All of them have come before the invoice is fetched.
            fixture.test.clock.advance(by: .seconds(1))
            try await fixture.test.runJobs()
            let notices = try await fixture.notices()
            for kind in ["failed:", "action:"] {
                #expect(notices.filter { $0.hasPrefix(kind) }.count == 1, "\(notices)")
            }
        }
    }

    @Test(arguments: Engine.available)
    func `an upgrade is paid now as the preview says, and one that is declined changes nothing`(engine: Engine)
        async throws
    {
        try await withSubscriptions(engine) { fixture in
            let id = try await fixture.buy("student")
            try await fixture.advance(days: 10)
            let preview = await fixture.get("payments/proration-preview?tier=employee")
            let due = try #require(preview["proration_amount_minor"]?.integer, "\(preview)")
            #expect(preview["current_tier"] == "student" && preview["new_tier"] == "employee")
            #expect((1..<2999).contains(due) && preview["next_invoice_amount_minor"] == 2999)
            let customer = try #require(fixture.stripe.object(id, as: StripeSubscription.self)).customer
            fixture.stripe.setCards(of: customer, .declines(code: "card_declined", declineCode: nil))
            let declined = await fixture.post("payments/upgrade", ["plan": "employee"])
            #expect(declined.status == 402 && declined.code == "payment-refused", "\(declined)")
            try await fixture.deliver()
            #expect(await fixture.subscription()["plan"]?["id"] == "student")
            fixture.stripe.setCards(of: customer, .succeeds)
            let before = await fixture.subscription()["period_start"]
            let upgraded = await fixture.post("payments/upgrade", ["plan": "employee"])
            #expect(upgraded.status == 200 && upgraded["plan"]?["id"] == "employee", "\(upgraded)")
            #expect(upgraded["period_start"] == before)
            try await fixture.deliver()
            let invoices: [StripeInvoice] = fixture.stripe.objects()
            #expect(invoices.contains { $0.amountPaid.minorUnits == due }, "\(due)")
            #expect(await fixture.post("payments/upgrade", ["plan": "student"]).code == "conflict")
        }
    }

    @Test(arguments: Engine.available)
    func `upgrades at once that are declined leave no invoice that could be paid later`(engine: Engine) async throws {
        try await withSubscriptions(engine) { fixture in
            let id = try await fixture.buy("student")
            try await fixture.advance(days: 10)
            let customer = try #require(fixture.stripe.object(id, as: StripeSubscription.self)).customer
            fixture.stripe.setCards(of: customer, .declines(code: "card_declined", declineCode: nil))
            let hold = TestStripeHold()
            fixture.stripe.fail(.held(hold), path: "/v1/subscriptions/\(id)")
            async let first = fixture.post("payments/upgrade", ["plan": "employee"])
            #expect(try await eventually { hold.count == 1 })
            async let second = fixture.post("payments/upgrade", ["plan": "professional"])
            #expect(
                try await eventually {
                    try await fixture.database.read { transaction in
                        try transaction.count(
                            "SELECT COUNT(*) AS count FROM provider_calls WHERE purpose = 'subscription.upgrade'")
                    } == 2
                })
            hold.release()
            let answers = await [first, second]
            #expect(answers.allSatisfy { $0.status == 402 && $0.code == "payment-refused" }, "\(answers)")
            try await fixture.deliver()
            let invoices: [StripeInvoice] = fixture.stripe.objects()
            #expect(invoices.count == 3 && !invoices.contains { $0.status == .some(StripeState(.open)) })
            #expect(await fixture.subscription()["plan"]?["id"] == "student")
        }
    }

    @Test(arguments: Engine.available)
    func `an account whose address is not verified starts, opens and redeems nothing`(engine: Engine) async throws {
        try await withSubscriptions(engine) { fixture in
            let unverified = try await fixture.test.register("unverified", isVerified: false)
            for (path, body) in [
                ("payments/subscribe", ["plan": "student"]), ("subscriptions/start", ["plan_type": "student"]),
                ("stripe/create-checkout-session", ["plan_id": "student"]),
                ("payments/redeem-code", ["code": "AUTOOS-AAAA-AAAA-AAAA-AAAA"]),
            ] as [(String, JSONValue)] {
                let refused = await fixture.post(path, body, as: unverified)
                #expect(refused.status == 403 && refused.code == "email-not-verified", "\(path): \(refused)")
            }
            #expect(fixture.atProvider.isEmpty && (fixture.stripe.objects() as [StripeCheckoutSession]).isEmpty)
        }
    }

    @Test(arguments: Engine.available)
    func `an upgrade to the yearly cycle pays for a year from then on`(engine: Engine) async throws {
        try await withSubscriptions(engine) { fixture in
            let id = try await fixture.buy("student")
            fixture.test.clock.advance(by: .days(10))
            let upgraded = await fixture.post("payments/upgrade", ["plan": "student", "cycle": "yearly"])
            #expect(upgraded.status == 200 && upgraded["cycle"] == "yearly", "\(upgraded)")
            try await fixture.deliver()
            let end = try #require(fixture.stripe.object(id, as: StripeSubscription.self)?.periodEnd)
            #expect(end > fixture.test.clock.now + .days(364))
            #expect(await fixture.subscription()["paid_through"] == .string("\(end)"))
            // Beyond the month that was paid first, and its grace period.
            fixture.test.clock.advance(by: .days(60))
            try await fixture.deliver()
            #expect(await fixture.get("usage")["plan"] == "Student")
        }
    }

    @Test(arguments: Engine.available)
    func `a repeat with a coupon continues the attempt that has it, and replaces any other`(engine: Engine)
        async throws
    {
        try await withSubscriptions(engine) { fixture in
            try await fixture.makeCoupon("ONCE")
            let plain = await fixture.post("payments/subscribe", ["plan": "student"])
            let first = await fixture.post("payments/subscribe", ["plan": "student", "coupon": "ONCE"])
            #expect(first.status == 201 && first["client_secret"] != plain["client_secret"], "\(first)")
            let again = await fixture.post("payments/subscribe", ["plan": "student", "coupon": "once"])
            #expect(again.status == 201 && again["client_secret"] == first["client_secret"], "\(again)")
            let other = await fixture.post("payments/subscribe", ["plan": "employee", "coupon": "ONCE"])
            #expect(other.status == 201, "\(other)")
            let id = try #require(other["billing"]?["stripe_subscription_id"]?.string)
            let invoice = try #require(fixture.stripe.object(id, as: StripeSubscription.self)?.latestInvoice)
            #expect(fixture.stripe.object(invoice, as: StripeInvoice.self)?.amountDue.minorUnits == 1_499)
            #expect(try await fixture.redemptions(of: "ONCE") == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `a downgrade waits for the paid period, also to Free, and can be revoked`(engine: Engine) async throws {
        try await withSubscriptions(engine) { fixture in
            _ = try await fixture.buy("employee")
            let scheduled = await fixture.post("payments/downgrade", ["plan": "student"])
            #expect(scheduled["plan"]?["id"] == "employee" && scheduled["next_plan"] == "student", "\(scheduled)")
            // The provider would credit the smaller price.
            let larger = await fixture.post("payments/upgrade", ["plan": "professional"])
            #expect(larger.status == 409 && larger.code == "subscription-state", "\(larger)")
            let preview = await fixture.get("payments/proration-preview?plan=professional")
            #expect(preview.status == 409 && preview.code == "subscription-state", "\(preview)")
            try await fixture.deliver()
            #expect(await fixture.subscription()["plan"]?["id"] == "employee")
            let kept = await fixture.post("payments/resumption")
            #expect(kept.status == 200 && kept["next_plan"] == nil, "\(kept)")
            #expect(await fixture.post("payments/downgrade", ["plan": "student"]).status == 200)
            try await fixture.advance(days: 32)
            let smaller = await fixture.subscription()
            #expect(smaller["plan"]?["id"] == "student" && smaller["status"] == "active", "\(smaller)")
            let free = await fixture.post("payments/downgrade", ["plan": "free"])
            #expect(free["next_plan"] == "free" && free["cancel_at"] == nil, "\(free)")
            try await fixture.advance(days: 31)
            let last = await fixture.subscription()
            #expect(last["plan"]?["id"] == "free" && last["status"] == "active", "\(last)")
            #expect(fixture.atProvider.allSatisfy { $0.status == .canceled })
        }
    }

    @Test(arguments: Engine.available)
    func `a response that comes after a newer change was asked for takes no plan that is paid for`(engine: Engine)
        async throws
    {
        let changes =
            [
                (plan: "professional", before: nil, older: ("downgrade", "employee"), newer: "student"),
                (plan: "employee", before: nil, older: ("upgrade", "professional"), newer: "student"),
                (plan: "professional", before: "employee", older: ("resumption", nil), newer: "student"),
                (plan: "professional", before: nil, older: ("downgrade", "employee"), newer: "free"),
                (plan: "employee", before: nil, older: ("upgrade", "professional"), newer: "free"),
            ] as [(plan: String, before: String?, older: (String, String?), newer: String)]
        for change in changes {
            try await withSubscriptions(engine) { fixture in
                @Sendable func choose(_ verb: String, _ plan: String?) async -> TestResponse {
                    await fixture.post("payments/\(verb)", plan.map { ["plan": .string($0)] })
                }
                let id = try await fixture.buy(change.plan)
                let through = await fixture.subscription()["paid_through"]
                if let before = change.before { #expect(await choose("downgrade", before).status == 200) }
                let hold = TestStripeHold()
                fixture.stripe.fail(.held(hold), path: "/v1/subscriptions/\(id)")
                async let older = choose(change.older.0, change.older.1)
                #expect(try await eventually { hold.count == 1 })
                async let newer = choose("downgrade", change.newer)
                #expect(try await eventually { try await fixture.nextPlan() == change.newer })
                hold.release()
                let answers = await [older, newer]
                #expect(answers.allSatisfy { $0.status == 200 }, "\(change): \(answers)")
                try await fixture.deliver()
                let present = await fixture.subscription()
                #expect(present["plan"]?["id"] == "professional", "\(change): \(present)")
                #expect(present["next_plan"] == .string(change.newer), "\(change): \(present)")
                #expect(present["paid_through"] == through)
                try await fixture.advance(days: 32)
                #expect(await fixture.subscription()["plan"]?["id"] == .string(change.newer), "\(change)")
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a cancellation ends with the paid period or at once, and can be revoked before`(engine: Engine) async throws {
        try await withSubscriptions(engine) { fixture in
            _ = try await fixture.buy("student")
            let cancelled = await fixture.post("payments/cancel-subscription", [:])
            #expect(cancelled["status"] == "active" && cancelled["cancel_at"] == cancelled["paid_through"])
            #expect(await fixture.post("payments/upgrade", ["plan": "employee"]).code == "subscription-state")
            #expect(await fixture.post("payments/resumption")["cancel_at"] == nil)
            #expect(await fixture.post("payments/cancel-subscription", [:]).status == 200)
            try await fixture.advance(days: 32)
            #expect(await fixture.subscription().code == "no-active-subscription")
            #expect(try await fixture.notices() == ["ended", "started"])
            _ = try await fixture.buy("student")
            let now = await fixture.post("payments/cancel-subscription", ["immediate": true])
            #expect(now.status == 200 && now["status"] == "canceled", "\(now)")
            #expect(await fixture.subscription().code == "no-active-subscription")
            // Free continues the period of the plan that was paid for.
            #expect(await fixture.post("payments/subscribe", ["plan": "free"])["started_at"] == now["started_at"])
        }
    }

    @Test(arguments: Engine.available)
    func `an answer that is lost at the start is found again, and nothing is begun twice`(engine: Engine) async throws {
        try await withSubscriptions(engine) { fixture in
            fixture.stripe.fail(.lostAfterEffect, path: "/v1/subscriptions")
            let lost = await fixture.post("payments/subscribe", ["plan": "student"])
            #expect(lost.status == 201 || lost.code == "provider-unavailable", "\(lost)")
            fixture.test.clock.advance(by: .minutes(2))
            try await fixture.deliver()
            let again = await fixture.post("payments/subscribe", ["plan": "student"])
            #expect(again.status == 201 && again["client_secret"] != nil, "\(again)")
            #expect(fixture.atProvider.count == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `shuffled, repeated and late events leave what the provider has`(engine: Engine) async throws {
        try await withSubscriptions(engine) { fixture in
            let id = try await fixture.buy("student")
            for seed in 1...4 as ClosedRange<UInt64> {
                var plan = TestStripeDelivery()
                (plan.copiesMax, plan.isShuffled, plan.delayed, plan.seed) = (3, true, 300, seed)
                fixture.test.clock.advance(by: .days(11))
                try await fixture.deliver(plan)
            }
            try await fixture.deliver()
            let present = await fixture.subscription()
            let object = try #require(fixture.stripe.object(id, as: StripeSubscription.self))
            #expect(present["status"] == "active" && object.status == .active, "\(present)")
            #expect(present["paid_through"]?.string.flatMap { Instant($0) } == object.periodEnd)
            #expect(try await fixture.notices() == ["started"])
        }
    }

    @Test(arguments: Engine.available)
    func `Checkout starts a plan once its session is paid`(engine: Engine) async throws {
        try await withSubscriptions(engine) { fixture in
            let order: JSONValue = ["plan_id": "employee", "billing_cycle": "yearly", "locale": "de"]
            let page = await fixture.post("stripe/create-checkout-session", order)
            let session = try #require(page["session_id"]?.string, "\(page)")
            #expect(await fixture.post("stripe/create-checkout-session", order)["session_id"] == .string(session))
            let early = await fixture.post("stripe/verify-session", ["session_id": .string(session)])
            #expect(early.status == 402 && early.code == "payment-not-completed", "\(early)")
            let other = try await fixture.test.register("other")
            let foreign = await fixture.post("stripe/verify-session", ["session_id": .string(session)], as: other)
            #expect(foreign.status == 404)
            try fixture.stripe.completeCheckout(session)
            let verified = await fixture.post("stripe/verify-session", ["session_id": .string(session)])
            #expect(verified.status == 200 && verified["subscription"]?["plan"]?["id"] == "employee", "\(verified)")
            #expect(verified["subscription"]?["cycle"] == "yearly")
            try await fixture.deliver()
            #expect(await fixture.post("stripe/create-checkout-session", order).code == "already-subscribed")
            #expect(await fixture.post("stripe/customer-portal", [:])["url"]?.string?.hasPrefix("http") == true)
        }
    }

    @Test(arguments: Engine.available)
    func `what a subscription has paid is refunded here or in the dashboard, and known by the nightly comparison`(
        engine: Engine
    ) async throws {
        try await withSubscriptions(engine) { fixture in
            _ = try await fixture.buy("student")
            let administrator = try await fixture.test.administrator()
            let payment = try #require(await fixture.get("payments/history")["data"]?[0]?["id"]?.string)
            let refund = await fixture.test.call(
                "POST", "/v1/admin/payments/\(payment)/refunds", json: ["amount_minor": 400, "reason": "a fault"],
                token: administrator.token, headers: ["Idempotency-Key": "key"])
            #expect(refund.status == 201 && refund["status"] == "succeeded", "\(refund)")
            let paid = try await fixture.database.read { try $0.payment(ID<Payment>(trusted: payment)) }
            try fixture.stripe.refund(paymentIntent: try #require(paid?.intentID))
            try await fixture.deliver()
            #expect(try await fixture.balances() == ["provider": -999, "refunded": 999])
            let notes = await fixture.get("payments/invoices")["data"]?[0]
            #expect(notes?["credited_minor"] == 999 && notes?["status"] == "credited", "\(notes as Any)")
            _ = try await fixture.database.write { [queue = fixture.test.app.queue] in
                try queue.enqueue(ReconcileBalanceJob(), in: $0)
            }
            fixture.test.clock.advance(by: .hours(2))
            try await fixture.test.runJobs()
            let cases = await fixture.get("admin/reconciliation-cases", as: administrator)
            #expect(cases.status == 200 && cases["total"] == 0, "\(cases)")
        }
    }

    @Test(arguments: Engine.available)
    func `a country has its own prices`(engine: Engine) async throws {
        try await withSubscriptions(engine) { fixture in
            let body: JSONValue = ["tier": "student", "country": "in"]
            let started = await fixture.post("payments/subscribe", body)
            #expect(
                started["billing"]?["amount_minor"] == 79900 && started["billing"]?["currency"] == "inr", "\(started)")
            let prices: [StripePrice] = fixture.stripe.objects()
            #expect(prices.map(\.lookupKey) == ["gatehouse:student:monthly:inr:IN"])
            let contradiction: JSONValue = ["tier": "student", "country": "IN", "region": "DE"]
            #expect(await fixture.post("payments/subscribe", contradiction).status == 422)
            let currency: JSONValue = ["tier": "student", "country": "IN", "currency": "usd"]
            #expect(await fixture.post("payments/subscribe", currency).status == 422)
        }
    }

    @Test(arguments: Engine.available)
    func `Marketplace's clients start, read, end and synchronise the subscription`(engine: Engine) async throws {
        try await withSubscriptions(engine) { fixture in
            #expect(await fixture.get("subscriptions/me").status == 404)
            let unsupported = await fixture.post("subscriptions/start", ["plan_type": "gold"])
            #expect(unsupported.status == 400 && unsupported.code == "unsupported-plan")
            let started = await fixture.post("subscriptions/start", ["plan_type": "student"])
            #expect(started["success"] == true && started["client_secret"] != nil, "\(started)")
            let id = try #require(started["stripe_subscription_id"]?.string)
            try fixture.stripe.payLatestInvoice(of: id)
            #expect(await fixture.post("subscriptions/sync/\(id)").code == "insufficient-role")
            let administrator = try await fixture.test.administrator()
            let synchronised = await fixture.post("subscriptions/sync/\(id)", as: administrator)
            #expect(synchronised["status"] == "active", "\(synchronised)")
            #expect(await fixture.post("subscriptions/sync/sub_unknown", as: administrator).status == 404)
            let current = await fixture.get("subscriptions/me")
            #expect(current["plan_type"] == "student" && current["stripe_subscription_id"] == .string(id), "\(current)")
            #expect(await fixture.post("subscriptions/cancel", ["subscription_id": "sub_other"]).status == 404)
            let ended = await fixture.post("subscriptions/cancel", ["subscription_id": .string(id)])
            #expect(ended["success"] == true && ended["cancel_at"] != nil, "\(ended)")
        }
    }

    @Test(arguments: Engine.available)
    func `payment methods are listed, entered and chosen, and those of others are unknown`(engine: Engine) async throws
    {
        try await withSubscriptions(engine) { fixture in
            _ = try await fixture.buy("student")
            #expect(await fixture.get("payments/payment-methods")["payment_methods"]?.array?.count == 1)
            let setup = await fixture.post("payments/setup-intent")
            #expect(setup["client_secret"] != nil && setup["publishable_key"] == "pk_test_double", "\(setup)")
            let new = fixture.stripe.makePaymentMethod()
            let chosen = await fixture.post("payments/update-payment-method", ["payment_method_id": .string(new)])
            let methods = chosen["payment_methods"]?.array ?? []
            #expect(methods.first { $0["id"] == .string(new) }?["is_default"] == true, "\(chosen)")
            let other = try await fixture.test.register("other")
            let foreign = await fixture.post(
                "payments/update-payment-method", ["payment_method_id": .string(new)], as: other)
            #expect(foreign.status == 404, "\(foreign)")
        }
    }

    @Test func `without a provider a plan that is paid for is not configured`() async throws {
        try await withTestApp(.sqlite) { test in
            let person = try await test.register()
            for (path, body) in [
                ("payments/subscribe", ["plan": "student"]), ("subscriptions/start", ["plan_type": "student"]),
                ("stripe/create-checkout-session", ["plan_id": "student"]), ("payments/setup-intent", .null),
                ("stripe/customer-portal", [:]),
            ] as [(String, JSONValue)] {
                let response = await test.call(
                    "POST", "/v1/\(path)", json: body == .null ? nil : body, token: person.token)
                #expect(response.status == 503 && response.code == "not-configured", "\(path): \(response)")
            }
            #expect(await test.call("GET", "/v1/payments/subscription", token: person.token).status == 403)
        }
    }

    @Test(arguments: Engine.available)
    func `the closure of an account ends its subscription at the provider`(engine: Engine) async throws {
        try await withSubscriptions(engine) { fixture in
            _ = try await fixture.buy("student")
            let administrator = try await fixture.test.administrator()
            let closed = await fixture.test.call(
                "DELETE", "/v1/auth/users/\(fixture.person.id)", token: administrator.token)
            #expect((200..<300).contains(closed.status), "\(closed)")
            fixture.test.clock.advance(by: .minutes(1))
            try await fixture.test.runJobs()
            #expect(fixture.atProvider.allSatisfy { $0.status == .canceled })
        }
    }
}
