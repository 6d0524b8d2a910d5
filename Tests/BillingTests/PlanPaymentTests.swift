import App
import Base
import Entitlements
import Modules
import Stripe
import TestKit
import TestStripe
import Testing

@testable import Billing

/// Plans that are paid for in advance by a payment intent: at the price of the catalogue, one period at a time.
@Suite struct PlanPaymentTests {
    @Test(arguments: Engine.available)
    func `amount and currency are those of the catalogue, and others are refused`(engine: Engine) async throws {
        try await withSubscriptions(engine) { fixture in
            let created = await fixture.order("student")
            #expect(created.status == 200 && created["publishable_key"] == "pk_test_double", "\(created)")
            #expect(created["amount"] == 9.99 && created["amount_minor"] == 999 && created["currency"] == "usd")
            // A repeat has the same payment, whatever the names of the plan and the form of the amount.
            for members in [
                ["plan": "student", "amount": 9.99, "currency": "USD"], ["tier": "student", "amount_minor": 999],
                ["plan_type": "student", "cycle": "monthly"], ["subscription_tier": "student", "annual": false],
            ] as [JSONValue] {
                let repeated = await fixture.post("payments/create-intent", members)
                #expect(repeated["payment_id"] == created["payment_id"], "\(members): \(repeated)")
            }
            for (members, status, code) in [
                (["plan": "student", "amount": 1], 409, "amount-mismatch"),
                (["plan": "student", "amount_minor": 998], 409, "amount-mismatch"),
                (["plan": "student", "currency": "eur"], 409, "amount-mismatch"),
                (["plan": "student", "amount": 9.999], 422, "validation-failed"),
                (["plan": "student", "tier": "employee"], 422, "validation-failed"),
                (["plan": "student", "event_id": "1"], 422, "validation-failed"),
                (["plan": "student", "cycle": "yearly", "annual": false], 422, "validation-failed"),
                (["plan": "student", "cycle": "daily"], 422, "validation-failed"),
                (["plan": "pro"], 422, "validation-failed"), (["plan": "free"], 402, "payment-required"),
                (["plan": "enterprise"], 402, "payment-required"), (["plan": "nothing"], 404, "plan-not-found"),
            ] as [(JSONValue, Int, String)] {
                let refused = await fixture.post("payments/create-intent", members)
                #expect(refused.status == status && refused.code == code, "\(members): \(refused)")
            }
            let mismatch = await fixture.order("student", ["amount": 1])
            #expect(mismatch["amount_minor"] == 999 && mismatch["currency"] == "usd", "\(mismatch)")
            let other = try await fixture.test.register("other")
            let indian = await fixture.order("student", ["country": "IN", "billing_cycle": "annual"], as: other)
            #expect(indian["amount_minor"] == 799_900 && indian["currency"] == "inr", "\(indian)")
            let intents: [StripePaymentIntent] = fixture.stripe.objects()
            #expect(intents.map(\.amount.minorUnits) == [999, 799_900])
        }
    }

    @Test(arguments: Engine.available)
    func `the money starts the plan, a further payment extends it, and nothing renews it`(engine: Engine) async throws {
        try await withSubscriptions(engine) { fixture in
            #expect(await fixture.post("payments/start-trial").status == 201)
            let start = fixture.test.clock.now
            try await fixture.pay("student")
            // Its event comes again.
            try await fixture.deliver()
            let paid = await fixture.subscription()
            #expect(paid["plan"]?["id"] == "student" && paid["status"] == "active", "\(paid)")
            #expect(paid["paid_through"] == .string("\(Period.moment(months: 1, after: start))"))
            #expect(paid["cancel_at"] == paid["paid_through"])
            #expect(try await fixture.balances() == ["provider": -999, "revenue": 999])
            let invoice = await fixture.invoices().first
            #expect(invoice?["amount_minor"] == 999 && invoice?["payment_method"] == "Card", "\(invoice as Any)")
            #expect(invoice?["period_end"] == paid["paid_through"])
            let mails = try await fixture.test.mail(to: fixture.person.email).filter { $0.text.contains("9.99 USD") }
            #expect(mails.count == 2, "\(mails.map(\.subject))")
            let other = await fixture.order("employee")
            #expect(other.status == 409 && other.code == "already-subscribed", "\(other)")
            try await fixture.advance(days: 20)
            try await fixture.pay("student")
            let extended = await fixture.subscription()
            #expect(extended["paid_through"] == .string("\(Period.moment(months: 2, after: start))"), "\(extended)")
            #expect(await fixture.invoices().count == 2)
            try await fixture.advance(days: 40)
            #expect(await fixture.subscription().code == "no-active-subscription")
            // What follows is a plan of its own.
            try await fixture.pay("employee")
            #expect(await fixture.subscription()["plan"]?["id"] == "employee")
        }
    }

    @Test(arguments: Engine.available)
    func `money that can pay for nothing any more goes back at once`(engine: Engine) async throws {
        try await withSubscriptions(engine) { fixture in
            let intent = try #require(await fixture.order("student")["payment_intent_id"]?.string)
            _ = try await fixture.buy("employee")
            try fixture.stripe.pay(intent)
            try await fixture.deliver()
            fixture.test.clock.advance(by: .minutes(1))
            try await fixture.deliver()
            #expect(await fixture.subscription()["plan"]?["id"] == "employee")
            #expect(fixture.stripe.totals["usd"]?.refunded == 999)
            #expect(try await fixture.balances() == ["provider": -3_998, "revenue": 2_999, "refunded": 999])
            let history = await fixture.get("payments/history?purpose=plan")
            #expect(history["data"]?[0]?["status"] == "refunded" && history["total"] == 1, "\(history)")
            #expect(await fixture.invoices().count == 1)
            let mails = try await fixture.test.mail(to: fixture.person.email)
            #expect(mails.filter { $0.subject.contains("We return your payment") }.count == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `another order takes the place of a payment that is not paid, and of no paid one`(engine: Engine) async throws
    {
        try await withSubscriptions(engine) { fixture in
            let first = await fixture.order("student")
            let second = await fixture.order("employee")
            #expect(second.status == 200 && second["amount_minor"] == 2_999, "\(second)")
            #expect(second["payment_id"] != first["payment_id"])
            let replaced = try #require(first["payment_intent_id"]?.string)
            #expect(fixture.stripe.object(replaced, as: StripePaymentIntent.self)?.status == .canceled)
            // It is paid, and its event has not come yet.
            try fixture.stripe.pay(try #require(second["payment_intent_id"]?.string))
            let third = await fixture.order("student")
            #expect(third.status == 409 && third.code == "already-subscribed", "\(third)")
            #expect(await fixture.subscription()["plan"]?["id"] == "employee")
            try await fixture.deliver()
            #expect(try await fixture.balances() == ["provider": -2_999, "revenue": 2_999])
        }
    }

    @Test(arguments: Engine.available)
    func `of requests at once one payment begins`(engine: Engine) async throws {
        try await withSubscriptions(engine) { fixture in
            let answers = await withTaskGroup(of: TestResponse.self) { group in
                for _ in 0..<4 { group.addTask { await fixture.order("student") } }
                return await group.reduce(into: [TestResponse]()) { $0.append($1) }
            }
            #expect(answers.allSatisfy { $0.status == 200 }, "\(answers)")
            #expect(Set(answers.map { $0["payment_id"]?.string }).count == 1)
            #expect((fixture.stripe.objects() as [StripePaymentIntent]).count == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `a refund of the whole payment ends what it has paid for, one of a part does not`(engine: Engine)
        async throws
    {
        try await withSubscriptions(engine) { fixture in
            let administrator = try await fixture.test.administrator()
            func refund(_ payment: JSONValue?, _ minor: Int64?, _ key: String) async -> TestResponse {
                var body: [String: JSONValue] = ["reason": "test"]
                body["amount_minor"] = minor.map { .integer($0) }
                return await fixture.test.call(
                    "POST", "/v1/admin/payments/\(payment?.string ?? "")/refunds", json: .object(body),
                    token: administrator.token, headers: ["Idempotency-Key": key])
            }
            try await fixture.pay("student")
            let through = await fixture.subscription()["paid_through"]
            // Payments are listed by their time.
            fixture.test.clock.advance(by: .hours(1))
            try await fixture.pay("student")
            let payments = await fixture.get("payments/history")["data"]?.array ?? []
            let (last, first) = (payments.first?["id"], payments.last?["id"])
            #expect(await refund(last, 500, "part")["status"] == "succeeded")
            #expect(await fixture.subscription()["paid_through"] != through)
            // The rest of the second month: the first one stays.
            #expect(await refund(last, nil, "rest")["status"] == "succeeded")
            let shortened = await fixture.subscription()
            #expect(shortened["paid_through"] == through && shortened["cancel_at"] == through, "\(shortened)")
            // It can be paid for again.
            fixture.test.clock.advance(by: .hours(1))
            try await fixture.pay("student")
            #expect(await fixture.subscription()["paid_through"] != through)
            // A month that another one follows stays, also where its money is returned in the provider's dashboard.
            let early = await refund(first, nil, "first")
            #expect(early.status == 409 && early.code == "payment-state", "\(early)")
            let intents: [StripePaymentIntent] = fixture.stripe.objects()
            _ = try fixture.stripe.refund(paymentIntent: try #require(intents.first?.id))
            try await fixture.deliver()
            #expect(await fixture.subscription()["status"] == "active")
            // It ends with the later one.
            let third = await fixture.get("payments/history")["data"]?[0]?["id"]
            #expect(await refund(third, nil, "third")["status"] == "succeeded")
            #expect(await fixture.subscription().code == "no-active-subscription")
            #expect(try await fixture.balances() == ["provider": -2_997, "refunded": 2_997])
        }
    }

    @Test(arguments: Engine.available)
    func `the money is applied wholly or not at all, whichever statement fails`(engine: Engine) async throws {
        let faults = UnavailableDatabase.Switch()
        try await withSubscriptions(engine, databaseWrapper: faults.wrap) { fixture in
            let intent = try #require(await fixture.order("student")["payment_intent_id"]?.string)
            try fixture.stripe.pay(intent)
            let failed = try await faults.failEachStatement { _ in
                _ = try? await fixture.test.app.billing.events.refresh(intent, .paymentIntent)
            } check: { _ in
                fixture.test.clock.advance(by: .minutes(2))
                let broken = try await Invariants.faults(in: fixture.database)
                #expect(broken == [])
            }
            #expect(failed > 15)
            try await fixture.deliver()
            #expect(try await fixture.balances() == ["provider": -999, "revenue": 999])
            #expect(await fixture.invoices().count == 1)
        }
    }
}
