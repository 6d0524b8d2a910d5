import App
import Base
import Identity
import Modules
import Stripe
import TestKit
import TestStripe
import Testing

@testable import Billing

/// Calls to the provider with every fault of the double: each has its effect once, or is known not to have it.
@Suite struct ProviderCallTests {
    private func intents(_ payments: PaymentFixture) -> [StripePaymentIntent] { payments.stripe.objects() }

    @Test(
        arguments: Engine.available,
        ["lostBefore", "lostAfter", "serverError", "serverErrorAfter", "rateLimited", "keyInUse", "unreadable"])
    func `a call whose outcome is unknown is made once, and known in the end`(engine: Engine, fault: String)
        async throws
    {
        try await withPayments(engine) { payments in
            let kinds: [String: TestStripeFault.Kind] = [
                "lostBefore": .lostBeforeEffect, "lostAfter": .lostAfterEffect, "serverError": .serverError,
                "serverErrorAfter": .serverErrorAfterEffect, "rateLimited": .rateLimited, "keyInUse": .keyInUse,
                "unreadable": .unreadable,
            ]
            payments.stripe.fail(next: 2, try #require(kinds[fault]), path: "/v1/payment_intents")
            let first = await payments.create()
            #expect(first.status == 503 && first.code == "provider-unavailable")
            #expect(try await payments.calls(.unknown).count == 1)
            #expect(try await payments.payments().map(\.state) == [.unknown])
            // The job follows the schedule, without a request.
            for age in [Duration.minutes(1), .minutes(5), .minutes(30), .hours(2), .hours(12), .hours(24), .hours(25)] {
                payments.test.clock.set(TestClock().now + age + .seconds(30))
                try await payments.test.runJobs()
            }
            #expect(try await payments.calls(.done).count == 1)
            #expect(try await payments.calls().count == 1)
            let payment = try #require(try await payments.payments().first)
            #expect(payment.state == .requiresPaymentMethod && payment.intentID == intents(payments).first?.id)
            #expect(intents(payments).count == 1)
            #expect(await payments.create()["payment_id"] == .string(payment.id.text))
        }
    }

    @Test(arguments: Engine.available)
    func `what is not there after the key has expired is refused, after a second look`(engine: Engine) async throws {
        try await withPayments(engine) { payments in
            payments.stripe.fail(next: 100, .lostBeforeEffect, path: "/v1/payment_intents")
            #expect(await payments.create().status == 503)
            for age in [Duration.hours(12), .hours(24), .hours(25)] {
                #expect(try await payments.payments().map(\.state) == [.unknown])
                payments.test.clock.set(TestClock().now + age + .minutes(1))
                try await payments.test.runJobs()
            }
            payments.stripe.stopFailing()
            #expect(try await payments.calls(.refused).count == 1)
            #expect(try await payments.payments().map(\.state) == [.canceled])
            // Now another attempt may begin, under another key.
            #expect(await payments.create().status == 200)
            #expect(intents(payments).count == 1)
            #expect(Set(try await payments.calls().map(\.key)).count == 2)
        }
    }

    @Test(arguments: Engine.available)
    func `a stuck call waits for an administrator, who has it looked up or enters what is there`(engine: Engine)
        async throws
    {
        try await withPayments(engine) { payments in
            for order in ["order-1", "order-2"] {
                payments.stripe.fail(.lostAfterEffect, path: "/v1/payment_intents")
                #expect(await payments.create(order).status == 503)
                // The list begins with the newest call.
                payments.test.clock.advance(by: .seconds(1))
            }
            payments.stripe.fail(next: 1_000, .serverError, method: nil)
            payments.test.clock.advance(by: .hours(25))
            try await payments.test.runJobs()
            let listed = await payments.admin("GET", "provider-calls?state=stuck")
            #expect(listed["total"] == 2)
            let ids = (listed["data"]?.array ?? []).compactMap { $0["id"]?.string }
            let none = await payments.admin("GET", "provider-calls?state=pending")
            #expect(none["total"] == 0)
            payments.stripe.stopFailing()
            #expect(await payments.admin("POST", "provider-calls/\(ids[0])/redrive").status == 200)
            try await payments.test.runJobs()
            let again = await payments.admin("POST", "provider-calls/\(ids[0])/redrive")
            #expect(again.status == 409 && again.code == "provider-call-state")
            let subject = listed["data"]?[1]?["subject"]?.string
            let intent = try #require(intents(payments).first { $0.metadata["gatehouse_payment"] == subject })
            let path = "provider-calls/\(ids[1])/resolution"
            for (object, status) in [("pi_unknown", 422), ("../events", 422), (intent.id, 200)] {
                let body: JSONValue = ["outcome": "done", "object_id": .string(object), "note": "seen"]
                #expect(await payments.admin("POST", path, body).status == status)
            }
            #expect(try await payments.calls(.done).count == 2)
            #expect(await payments.create("order-1")["payment_intent_id"] == .string(intent.id))
            let someone = try await payments.test.register("other")
            let refused = await payments.test.call("GET", "/v1/admin/provider-calls", token: someone.token)
            #expect(refused.status == 403)
        }
    }

    @Test(arguments: Engine.available)
    func `two who send the same call have one outcome, and one object is made`(engine: Engine) async throws {
        let writes = CountingDatabase.Counter()
        try await withPayments(engine, databaseWrapper: { CountingDatabase($0, writes) }) { payments in
            let responses = try await payments.atOnce("/v1/payment_intents", writes) { await payments.create() }
            #expect(responses.map(\.status) == [200, 200, 200, 200])
            #expect(Set(responses.map { $0["payment_intent_id"] }).count == 1)
            #expect(Set(responses.map { $0["client_secret"] }).count == 1)
            #expect(intents(payments).count == 1)
        }
    }

    /// A process that dies between the commit and the answer of the provider, and its successor on the same database.
    @Test(arguments: Engine.available)
    func `a call that its process did not send, or settle, is sent by the next one`(engine: Engine) async throws {
        let faults = UnavailableDatabase.Switch()
        try await withPayments(engine, databaseWrapper: faults.wrap) { payments in
            // Statement by statement: what of the request is committed when it dies differs.
            let failed = try await faults.failEachStatement { number in
                _ = await payments.create("order-\(number)")
            } check: { number in
                payments.test.clock.advance(by: .minutes(2))
                try await payments.test.runJobs()
                let mine = try await payments.database.read {
                    try $0.payments(of: PaymentFixture.purpose, subject: "order-\(number)", limit: 10)
                }
                #expect(mine.count <= 1 && mine.allSatisfy { $0.state == .requiresPaymentMethod })
                try await payments.requireInvariants()
            }
            #expect(failed > 10)
            let all = try await payments.database.read { try $0.count("SELECT COUNT(*) AS count FROM payments") }
            #expect(Int64(intents(payments).count) == all)
            #expect(try await payments.calls().allSatisfy { $0.state == .done })
        }
    }

    @Test(arguments: Engine.available)
    func `settled calls are deleted after 90 days`(engine: Engine) async throws {
        try await withPayments(engine) { payments in
            #expect(await payments.create().status == 200)
            payments.test.clock.advance(by: .days(89))
            try await payments.test.runJobs()
            #expect(try await payments.calls().count == 1)
            payments.test.clock.advance(by: .days(2))
            try await payments.test.runJobs()
            #expect(try await payments.calls().isEmpty)
        }
    }
}
