import App
import Base
import Modules
import Stripe
import TestKit
import TestStripe
import Testing

@testable import Billing

/// The job of all events that wait: one for any number of webhooks.
@Suite struct WaitingProviderEventTests {
    private static let kind = ApplyWaitingProviderEventsJob.name

    private func jobs(_ payments: PaymentFixture, _ condition: SQL) async throws -> Int64 {
        try await payments.database.read { try $0.count(of: "jobs", where: "kind = \(Self.kind) AND \(condition)") }
    }

    /// Pays orders and delivers all events at once.
    private func deliverAtOnce(_ orders: Range<Int>, _ payments: PaymentFixture) async throws -> [String] {
        var intents: [String] = []
        for number in orders {
            let intent = try #require(await payments.create("order-\(number)")["payment_intent_id"]?.string)
            try payments.stripe.pay(intent)
            intents.append(intent)
        }
        let webhooks = payments.stripe.webhooks(TestStripeDelivery())
        let statuses: [Int] = await withTaskGroup(of: Int.self) { group in
            for webhook in webhooks { group.addTask { await payments.send(webhook).status } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(statuses.count == webhooks.count && statuses.allSatisfy { $0 == 200 })
        return intents
    }

    @Test(arguments: Engine.available)
    func `webhooks that arrive at once share a job, which applies all of them`(engine: Engine) async throws {
        try await withPayments(engine) { payments in
            let intents = try await deliverAtOnce(0..<12, payments)
            #expect(try await payments.events(.received) >= 12)
            #expect(try await jobs(payments, "state = 'available'") == 1)
            payments.test.clock.advance(by: .seconds(10))
            let metric = "gatehouse_provider_events_oldest_waiting_seconds"
            #expect(await payments.test.call("GET", "/metrics").text.contains("\(metric) 10\n"))
            try await payments.test.runJobs()
            for intent in intents { #expect(try await payments.payment(intent)?.state == .succeeded) }
            #expect(try await payments.events(.received) == 0)
            #expect(try await jobs(payments, "state <> 'completed'") == 0)
            let alone = try await payments.database.read {
                try $0.count(of: "jobs", where: "kind = \(ApplyProviderEventJob.name)")
            }
            #expect(alone == 0)
            try await payments.requireInvariants()
        }
    }

    @Test(arguments: Engine.available)
    func `an event that comes while the job ends is applied at once`(engine: Engine) async throws {
        try await withPayments(engine) { payments in
            try await payments.test.runJobs()
            let first = try #require(await payments.create("order-1")["payment_intent_id"]?.string)
            let second = try #require(await payments.create("order-2")["payment_intent_id"]?.string)
            try await payments.deliver()
            try payments.stripe.pay(first)
            for webhook in payments.stripe.webhooks(TestStripeDelivery()) { await payments.send(webhook) }
            // The job has taken what waits, and fetches it.
            let hold = TestStripeHold()
            payments.stripe.fail(.held(hold), method: "GET", path: "/v1/payment_intents/\(first)")
            async let run: Void = payments.test.runJobs()
            #expect(try await eventually { hold.count == 1 })
            try payments.stripe.pay(second)
            for webhook in payments.stripe.webhooks(TestStripeDelivery()) { await payments.send(webhook) }
            #expect(try await jobs(payments, "state IN ('available', 'scheduled')") == 0)
            hold.release()
            try await run
            for intent in [first, second] { #expect(try await payments.payment(intent)?.state == .succeeded) }
            #expect(try await payments.events(.received) == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `an event that cannot be applied gets a job of its own, and the others are applied`(engine: Engine)
        async throws
    {
        try await withPayments(engine) { payments in
            let first = try #require(await payments.create("order-1")["payment_intent_id"]?.string)
            let second = try #require(await payments.create("order-2")["payment_intent_id"]?.string)
            try await payments.deliver()
            for intent in [first, second] { try payments.stripe.pay(intent) }
            payments.stripe.fail(
                next: 100_000, .serverError, method: "GET", path: "/v1/payment_intents/\(first)")
            try await payments.deliver()
            #expect(try await payments.payment(first)?.state == .requiresPaymentMethod)
            #expect(try await payments.payment(second)?.state == .succeeded)
            payments.stripe.stopFailing()
            payments.test.clock.advance(by: .seconds(2))
            try await payments.test.runJobs()
            #expect(try await payments.payment(first)?.state == .succeeded)
            #expect(try await payments.events(.received) == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `a job that ends its process again and again leaves its events to jobs of their own`(engine: Engine)
        async throws
    {
        try await withPayments(engine) { payments in
            let intents = try await deliverAtOnce(0..<3, payments)
            // Its lease expires for the third time.
            let leased = try await payments.database.write { transaction in
                try transaction.execute(
                    """
                    UPDATE jobs SET state = 'leased', attempt = 3, fence = 3, crash_count = 2,
                        lease_until = \(transaction.now) WHERE kind = \(Self.kind) AND state = 'available'
                    """)
            }
            #expect(leased == 1)
            try await payments.test.runJobs()
            #expect(try await jobs(payments, "state = 'dead'") == 1)
            payments.test.clock.advance(by: .seconds(2))
            try await payments.test.runJobs()
            for intent in intents { #expect(try await payments.payment(intent)?.state == .succeeded) }
            #expect(try await payments.events(.received) == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `lists of payments have true totals by status`(engine: Engine) async throws {
        try await withPayments(engine) { payments in
            let paid = try await payments.pay("order-1")
            _ = try await payments.pay("order-2")
            _ = await payments.create("order-3")
            _ = await payments.refund(paid, nil)
            try await payments.deliver()
            for (query, total) in [
                ("", 3), ("?status=completed", 1), ("?status=refunded", 1), ("?status=pending", 1),
                ("?status=failed", 0), ("?purpose=test.order&limit=1", 3), ("?purpose=other", 0),
                ("?user_id=\(payments.payer.id)", 3), ("?user_id=\(payments.administrator.id)", 0),
                ("?organisation_id=\(payments.payer.organisation)&status=pending", 1),
                ("?organisation_id=\(payments.administrator.organisation)", 0),
            ] {
                let page = await payments.admin("GET", "payments\(query)")
                #expect(page["total"] == .integer(Int64(total)), "\(query): \(page)")
            }
            for query in ["?user_id=x", "?organisation_id=x"] {
                #expect(await payments.admin("GET", "payments\(query)").status == 422)
            }
        }
    }
}
