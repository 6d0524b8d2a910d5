import App
import Base
import Identity
import Modules
import Stripe
import TestKit
import TestStripe
import Testing

@testable import Billing

/// The provider's events: stored once, applied as their objects are now, whatever their order.
@Suite struct ProviderEventTests {
    @Test(arguments: Engine.available)
    func `events that are shuffled, tripled and late end where the provider is, and are applied once`(engine: Engine)
        async throws
    {
        try await withPayments(engine) { payments in
            var plan = TestStripeDelivery()
            (plan.copiesMax, plan.isShuffled, plan.delayed) = (3, true, 400)
            let orders = (1...TestScale.rounds(60)).map { "order-\($0)" }
            for order in orders {
                let intent = try #require(await payments.create(order)["payment_intent_id"]?.string)
                if order.hasSuffix("1") {
                    try? payments.stripe.pay(intent, with: "pm_card_chargeDeclined")
                }
                try payments.stripe.pay(intent)
            }
            for round in 1...4 {
                plan.seed = UInt64(round)
                if round == 4 { plan.delayed = 0 }
                try await payments.deliver(plan)
                payments.test.clock.advance(by: .hours(20))
            }
            for intent: StripePaymentIntent in payments.stripe.objects() {
                let payment = try #require(try await payments.payment(intent.id))
                #expect(payment.state.rawValue == intent.status.text)
                #expect(payments.log.count(payment.id, .succeeded) == 1)
            }
            #expect(
                try await payments.balances() == [
                    .held: Int64(orders.count) * 1_999, .provider: Int64(-orders.count) * 1_999,
                ])
            #expect(try await payments.events(.received) == 0)
            #expect(try await payments.events(.dead) == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `an event that comes before the response to its call is applied`(engine: Engine) async throws {
        try await withPayments(engine) { payments in
            payments.stripe.fail(.lostAfterEffect, path: "/v1/payment_intents")
            #expect(await payments.create().status == 503)
            let intent = try #require((payments.stripe.objects() as [StripePaymentIntent]).first)
            try payments.stripe.pay(intent.id)
            try await payments.deliver()
            #expect(try await payments.payment(intent.id)?.state == .succeeded)
            // The response of the repetition is older than what the event has told.
            payments.test.clock.advance(by: .minutes(2))
            try await payments.test.runJobs()
            let payment = try #require(try await payments.payment(intent.id))
            #expect(payment.state == .succeeded && payments.log.count(payment.id, .succeeded) == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `a fetch that is older than the state applied last moves nothing back`(engine: Engine) async throws {
        try await withPayments(engine) { payments in
            let (events, database) = (payments.billing.events, payments.database)
            let now = payments.test.clock.now
            let first = try await database.write { try $0.claimProviderObject("pi_1", of: "") }
            let second = try await database.write { try $0.claimProviderObject("pi_1", of: "") }
            #expect((first, second) == (1, 2))
            let isSecond = try await database.write {
                try $0.advanceProviderObject("pi_1", of: "", to: second, fetchedAt: now)
            }
            let isFirst = try await database.write {
                try $0.advanceProviderObject("pi_1", of: "", to: first, fetchedAt: now)
            }
            #expect(isSecond && !isFirst)
            let older = try await database.write { try events.observe("pi_1", seenAt: now - .seconds(1), in: $0) }
            let newer = try await database.write { try events.observe("pi_1", seenAt: now + .seconds(1), in: $0) }
            #expect(!older && newer)
            let third = try await database.write { try $0.claimProviderObject("pi_1", of: "") }
            let isThird = try await database.write {
                try $0.advanceProviderObject("pi_1", of: "", to: third, fetchedAt: now)
            }
            #expect(!isThird)
        }
    }

    @Test(arguments: Engine.available)
    func `without a key an event is applied as delivered, and an older one moves nothing back`(engine: Engine)
        async throws
    {
        let clock = TestClock()
        try await withTestApp(engine, clock: clock, change: { $0.stripeWebhookSecrets = ["whsec_1"] }) { test in
            let log = PaymentLog(of: test.app)
            let payer = try await test.register("payer")
            let organisation: ID<Organisation> = try #require(ID(payer.organisation))
            let usd = try #require(Currency("usd"))
            let (payments, database) = (test.app.billing.payments, test.app.database)
            let unavailable = await test.call(
                "POST", "/v1/payments/create-intent", json: ["event_id": "order-1"], token: payer.token)
            #expect(unavailable.status == 503 && unavailable.code == "not-configured")
            // A payment of the time when there was a key.
            let new = NewPayment(
                organisation: organisation, person: nil, purpose: PaymentFixture.purpose, subject: "order-1",
                amount: Money(1_999, usd), description: "")
            let id: ID<Payment> = ID(trusted: "0190a0a0-0000-7000-8000-000000000001")
            try await database.write {
                _ = try $0.insert(
                    Payment(
                        id: id, organisation: new.organisation, person: nil, purpose: new.purpose, subject: new.subject,
                        method: .intent, amount: new.amount, destination: .held, description: "",
                        state: .requiresPaymentMethod, providerID: "pi_1", intentID: "pi_1", receivedMinor: 0,
                        refundedMinor: 0, createdAt: $0.now))
            }
            let start = clock.now.seconds
            for (event, created, status) in [
                ("evt_2", start + 20, "processing"), ("evt_1", start + 10, "requires_payment_method"),
                ("evt_3", start + 30, "succeeded"), ("evt_4", start + 25, "canceled"),
                ("evt_3", start + 30, "succeeded"),
            ] {
                clock.advance(by: .seconds(10))
                let value: JSONValue = [
                    "id": .string(event), "object": "event", "type": "payment_intent.succeeded",
                    "created": .integer(created), "livemode": false,
                    "data": [
                        "object": [
                            "id": "pi_1", "object": "payment_intent", "status": .string(status), "amount": 1_999,
                            "amount_received": .integer(status == "succeeded" ? 1_999 : 0), "amount_capturable": 0,
                            "currency": "usd", "created": .integer(start), "livemode": false, "metadata": [:],
                        ]
                    ],
                ]
                let body = Array(try value.json().utf8)
                let response = await test.call(
                    "POST", "/v1/webhooks/stripe", body: ("application/json", body),
                    headers: [
                        "Stripe-Signature": StripeSignature.header(of: body, secrets: ["whsec_1"], at: clock.now)
                    ])
                #expect(response.status == 200)
                try await test.runJobs()
            }
            let payment = try #require(
                try await database.read { try payments.payment(ofProviderID: "pi_1", in: $0) })
            #expect(payment.state == .succeeded && log.count(id, .succeeded) == 1)
            #expect(log.count(id, .processing) == 1 && log.count(id, .requiresPaymentMethod) == 0)
            let counts = try await database.read { transaction in
                try [ProviderEvent.State.applied, .superseded].map {
                    try transaction.providerEvents(in: $0, limit: 10, offset: 0).total
                }
            }
            #expect(counts == [2, 2])
        }
    }

    @Test(arguments: Engine.available)
    func `a poll finds what no webhook brought, and reads it once`(engine: Engine) async throws {
        try await withPayments(engine) { payments in
            try await payments.test.runJobs()
            var intents: [String] = []
            for number in 1...3 {
                let created = await payments.create("order-\(number)")
                intents.append(try #require(created["payment_intent_id"]?.string))
            }
            for intent in intents { try payments.stripe.pay(intent) }
            payments.test.clock.advance(by: .minutes(11))
            try await payments.test.runJobs()
            for intent in intents { #expect(try await payments.payment(intent)?.state == .succeeded) }
            let before = try await payments.database.read { try $0.providerEvents(in: nil, limit: 1, offset: 0).total }
            payments.test.clock.advance(by: .minutes(11))
            try await payments.deliver()
            let after = try await payments.database.read { try $0.providerEvents(in: nil, limit: 1, offset: 0).total }
            #expect(before == after && before > 0)
        }
    }

    @Test(arguments: Engine.available)
    func `what cannot be applied in 72 hours is dead, and an administrator has it applied`(engine: Engine) async throws
    {
        try await withPayments(engine) { payments in
            let intent = try #require(await payments.create()["payment_intent_id"]?.string)
            try payments.stripe.pay(intent)
            payments.stripe.fail(next: 100_000, .serverError, method: "GET")
            try await payments.deliver()
            #expect(try await payments.payment(intent)?.state == .requiresPaymentMethod)
            for _ in 0..<8 where try await payments.events(.dead) == 0 {
                payments.test.clock.advance(by: .hours(12))
                try await payments.test.runJobs()
            }
            #expect(payments.test.clock.now - TestClock().now >= .hours(72))
            payments.stripe.stopFailing()
            let dead = await payments.admin("GET", "provider-events?state=dead")
            let event = try #require(
                dead["data"]?.array?.first { $0["type"] == "payment_intent.succeeded" }?["id"]?.string)
            #expect(await payments.admin("POST", "provider-events/\(event)/redrive").status == 200)
            try await payments.test.runJobs()
            #expect(try await payments.payment(intent)?.state == .succeeded)
            let again = await payments.admin("POST", "provider-events/\(event)/redrive")
            #expect(again.status == 409 && again.code == "provider-event-state")
        }
    }

    @Test(arguments: Engine.available)
    func `events are deleted after 90 days, with the versions of their objects`(engine: Engine) async throws {
        try await withPayments(engine) { payments in
            _ = try await payments.pay()
            payments.test.clock.advance(by: .days(91))
            try await payments.test.runJobs()
            for table in ["provider_events", "provider_objects"] {
                let count = try await payments.database.read {
                    try $0.count("SELECT COUNT(*) AS count FROM \(SQL(trusted: table))")
                }
                #expect(count == 0, "\(table)")
            }
        }
    }
}
