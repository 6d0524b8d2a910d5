import App
import Base
import Modules
import Stripe
import TestKit
import TestStripe
import Testing

@testable import Billing

/// Objects that cannot be fetched, or are not what was asked for.
@Suite struct ProviderObjectTests {
    /// Delivers an event of an intent, made up.
    private func send(
        _ event: String, of intent: String, _ status: String, at created: Instant, _ payments: PaymentFixture
    ) async throws {
        let value: JSONValue = [
            "id": .string(event), "object": "event", "type": "payment_intent.processing",
            "created": .integer(created.seconds), "livemode": false,
            "data": [
                "object": [
                    "id": .string(intent), "object": "payment_intent", "status": .string(status), "amount": 1_999,
                    "amount_received": 0, "amount_capturable": 0, "currency": "usd",
                    "created": .integer(created.seconds), "livemode": false, "metadata": [:],
                ]
            ],
        ]
        let body = Array(try value.json().utf8)
        let response = await payments.test.call(
            "POST", PaymentFixture.path, body: ("application/json", body),
            headers: [
                "Stripe-Signature": StripeSignature.header(
                    of: body, secrets: [payments.stripe.webhookSecret], at: payments.test.clock.now)
            ])
        #expect(response.status == 200)
    }

    private func failFetches(of intent: String, _ kind: TestStripeFault.Kind, _ payments: PaymentFixture) {
        payments.stripe.fail(next: 100_000, kind, method: "GET", path: "/v1/payment_intents/\(intent)")
    }

    private func ownJobs(_ payments: PaymentFixture) async throws -> Int64 {
        try await payments.database.read {
            try $0.count(of: "jobs", where: "kind = \(ApplyProviderEventJob.name) AND state <> 'completed'")
        }
    }

    private static let missing = TestStripeFault.Kind.refused(
        status: 404, type: "invalid_request_error", code: "resource_missing")

    @Test(arguments: Engine.available)
    func `another object than the one asked for is not applied`(engine: Engine) async throws {
        try await withPayments(engine) { payments in
            let intent = try #require(await payments.create()["payment_intent_id"]?.string)
            try await payments.deliver()
            try payments.stripe.pay(intent)
            failFetches(of: intent, .renamed("pi_other"), payments)
            try await payments.deliver()
            let before = try #require(try await payments.payment(intent))
            #expect(before.state == .requiresPaymentMethod && before.intentID == intent)
            payments.stripe.stopFailing()
            payments.test.clock.advance(by: .seconds(2))
            try await payments.test.runJobs()
            let after = try #require(try await payments.payment(intent))
            #expect(after.state == .succeeded && after.intentID == intent)
            #expect(try await payments.events(.received) == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `many events of an object that cannot be fetched share a job, and hold up no others`(engine: Engine)
        async throws
    {
        try await withPayments(engine) { payments in
            let first = try #require(await payments.create("order-1")["payment_intent_id"]?.string)
            let second = try #require(await payments.create("order-2")["payment_intent_id"]?.string)
            try await payments.deliver()
            failFetches(of: first, .serverError, payments)
            for number in 0..<40 {
                try await send("evt_\(number)", of: first, "processing", at: payments.test.clock.now, payments)
            }
            for intent in [first, second] { try payments.stripe.pay(intent) }
            try await payments.deliver()
            #expect(try await payments.payment(first)?.state == .requiresPaymentMethod)
            #expect(try await payments.payment(second)?.state == .succeeded)
            #expect(try await ownJobs(payments) == 1)
            #expect(try await payments.events(.received) > 40)
            payments.stripe.stopFailing()
            payments.test.clock.advance(by: .seconds(2))
            try await payments.test.runJobs()
            #expect(try await payments.payment(first)?.state == .succeeded)
            #expect(try await payments.events(.received) == 0)
            #expect(try await ownJobs(payments) == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `events left to the job of another are applied where the object is not there any more`(engine: Engine)
        async throws
    {
        try await withPayments(engine) { payments in
            let intent = try #require(await payments.create()["payment_intent_id"]?.string)
            try await payments.deliver()
            failFetches(of: intent, .serverError, payments)
            let now = payments.test.clock.now
            try await send("evt_1", of: intent, "requires_confirmation", at: now + .seconds(10), payments)
            try await send("evt_2", of: intent, "processing", at: now + .seconds(20), payments)
            try await payments.test.runJobs()
            #expect(try await ownJobs(payments) == 1)
            payments.stripe.stopFailing()
            failFetches(of: intent, Self.missing, payments)
            payments.test.clock.advance(by: .seconds(2))
            try await payments.test.runJobs()
            #expect(try await payments.payment(intent)?.state == .processing)
            #expect(try await payments.events(.received) == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `an object that is not there any more is not moved back by an older event`(engine: Engine) async throws {
        try await withPayments(engine) { payments in
            let intent = try #require(await payments.create()["payment_intent_id"]?.string)
            try await payments.deliver()
            failFetches(of: intent, Self.missing, payments)
            // Older than what was fetched for the first event.
            let start = payments.test.clock.now
            payments.test.clock.advance(by: .seconds(30))
            try await send("evt_1", of: intent, "processing", at: start - .seconds(10), payments)
            try await payments.test.runJobs()
            #expect(try await payments.payment(intent)?.state == .requiresPaymentMethod)
            for (event, status, seconds) in [
                ("evt_2", "processing", Int64(20)), ("evt_3", "requires_confirmation", 10),
            ] {
                payments.test.clock.advance(by: .seconds(1))
                try await send(event, of: intent, status, at: start + .seconds(seconds), payments)
                try await payments.test.runJobs()
                #expect(try await payments.payment(intent)?.state == .processing, "\(event)")
            }
            #expect(try await payments.events(.superseded) >= 2)
        }
    }
}
