import App
import Base
import Identity
import Modules
import Stripe
import TestKit
import TestStripe
import Testing

@testable import Billing

/// Payments over HTTP: begun once, ended by the provider's word, posted once.
@Suite struct PaymentTests {
    @Test(arguments: Engine.available)
    func `a payment is begun, paid at the provider, and its money is held`(engine: Engine) async throws {
        try await withPayments(engine) { payments in
            let created = await payments.create("order-1", ["amount": 19.99, "currency": "usd"])
            #expect(created.status == 200)
            #expect(created["publishable_key"] == "pk_test_double" && created["status"] == "pending")
            #expect(created["amount"] == 19.99 && created["amount_minor"] == 1_999 && created["currency"] == "usd")
            let intent = try #require(created["payment_intent_id"]?.string)
            #expect(created["client_secret"]?.string?.hasPrefix(intent) == true)
            #expect(try await payments.balances().isEmpty)
            try payments.stripe.pay(intent)
            try await payments.deliver()
            let payment = try #require(try await payments.payment(intent))
            #expect(payment.state == .succeeded && payments.log.count(payment.id, .succeeded) == 1)
            #expect(try await payments.balances() == [.held: 1_999, .provider: -1_999])
            let listed = await payments.test.call("GET", "/payments/history", token: payments.payer.token)
            #expect(listed["total"] == 1 && listed["data"]?[0]?["status"] == "completed")
            #expect(
                listed["data"]?[0]?["amount"] == 19.99 && listed["data"]?[0]?["payment_intent_id"] == .string(intent))
        }
    }

    @Test(arguments: Engine.available)
    func `an amount of the client is only compared`(engine: Engine) async throws {
        try await withPayments(engine) { payments in
            for (members, status, code) in [
                (["amount": 20], 409, "amount-mismatch"), (["amount_minor": 1_998], 409, "amount-mismatch"),
                (["amount": 19.99, "currency": "eur"], 409, "amount-mismatch"),
                (["amount": 19.999], 422, "validation-failed"), (["amount": "19.99"], 422, "validation-failed"),
                (["amount": 19.990], 200, nil), (["amount_minor": 1_999], 200, nil),
            ] as [([String: JSONValue], Int, String?)] {
                let response = await payments.create("order-1", members)
                #expect(response.status == status && response.code == code, "\(members) \(response)")
            }
            let nothing = await payments.test.call(
                "POST", "/v1/payments/create-intent", json: ["amount": 5], token: payments.payer.token)
            #expect(nothing.status == 422)
            #expect((payments.stripe.objects() as [StripePaymentIntent]).count == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `a declined payment goes on, and a repeat answers with the same one`(engine: Engine) async throws {
        try await withPayments(engine) { payments in
            let intent = try #require(await payments.create()["payment_intent_id"]?.string)
            try? payments.stripe.pay(intent, with: "pm_card_chargeDeclined")
            try await payments.deliver()
            let declined = try #require(try await payments.payment(intent))
            #expect(declined.state == .requiresPaymentMethod && declined.failureCode != nil)
            let listed = await payments.test.call(
                "GET", "/v1/payments/history?status=failed", token: payments.payer.token)
            #expect(listed["total"] == 1)
            #expect(await payments.create()["payment_intent_id"] == .string(intent))
            try payments.stripe.pay(intent)
            try await payments.deliver()
            #expect(try await payments.payment(intent)?.state == .succeeded)
            #expect(try await payments.balances() == [.held: 1_999, .provider: -1_999])
        }
    }

    @Test(arguments: Engine.available)
    func `the provider's word is asked for, not the client's`(engine: Engine) async throws {
        try await withPayments(engine) { payments in
            let created = await payments.create()
            let id: ID<Payment> = try #require(created["payment_id"]?.string.flatMap { ID($0) })
            let service = payments.billing.payments
            #expect(try await service.refresh(id).state == .requiresPaymentMethod)
            try payments.stripe.pay(try #require(created["payment_intent_id"]?.string))
            #expect(try await service.refresh(id).state == .succeeded)
            #expect(payments.log.count(id, .succeeded) == 1)
            // Its event changes nothing more.
            try await payments.deliver()
            #expect(payments.log.count(id, .succeeded) == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `an attempt is canceled at the provider, and a paid one stays paid`(engine: Engine) async throws {
        try await withPayments(engine) { payments in
            let service = payments.billing.payments
            let first = await payments.create()
            let id: ID<Payment> = try #require(first["payment_id"]?.string.flatMap { ID($0) })
            try await service.end(id)
            #expect(try await service.refresh(id).state == .canceled)
            let second = await payments.create()
            #expect(second.status == 200 && second["payment_id"] != first["payment_id"])
            let next: ID<Payment> = try #require(second["payment_id"]?.string.flatMap { ID($0) })
            try payments.stripe.pay(try #require(second["payment_intent_id"]?.string))
            try await service.end(next)
            #expect(try await service.refresh(next).state == .succeeded)
            await #expect(throws: Problem.self) {
                try await payments.database.write { try service.cancel(next, in: $0) }
            }
        }
    }

    @Test(arguments: Engine.available)
    func `money that arrives otherwise is recorded once`(engine: Engine) async throws {
        try await withPayments(engine) { payments in
            let organisation: ID<Organisation> = try #require(ID(payments.payer.organisation))
            let received = ReceivedPayment(
                NewPayment(
                    organisation: organisation, person: nil, purpose: PaymentFixture.purpose, subject: "in",
                    amount: Money(500, try #require(Currency("usd"))), description: "an invoice"),
                by: .invoice, providerID: "in_1", receivedAt: payments.test.clock.now)
            let service = payments.billing.payments
            let recorded = try await withThrowingTaskGroup { group in
                for _ in 0..<4 {
                    group.addTask { try await payments.database.write { try service.record(received, in: $0) } }
                }
                return try await group.reduce(into: [Payment]()) { if let payment = $1 { $0.append(payment) } }
            }
            #expect(recorded.count == 1)
            #expect(try await payments.balances() == [.held: 500, .provider: -500])
        }
    }

    @Test(arguments: Engine.available)
    func `history shows one's own payments, and administrators all of them, filtered`(engine: Engine) async throws {
        try await withPayments(engine) { payments in
            _ = try await payments.pay("order-1")
            _ = await payments.create("order-2")
            let (other, test) = (try await payments.test.register("other"), payments.test)
            #expect(await test.call("GET", "/v1/payments/history", token: other.token)["total"] == 0)
            let foreign = await test.call(
                "GET", "/v1/payments/history?organisation_id=\(payments.payer.organisation)", token: other.token)
            #expect(foreign.status == 403)
            let person = await test.call(
                "GET", "/v1/payments/history?user_id=\(payments.payer.id)", token: other.token)
            #expect(person.status == 403)
            for (query, total) in [
                ("", 2), ("?status=completed", 1), ("?status=pending", 1), ("?status=refunded", 0),
                ("?user_id=\(payments.payer.id)", 2), ("?organisation_id=\(other.organisation)", 0),
                ("?purpose=test.order&limit=1", 2), ("?purpose=other", 0),
            ] as [(String, Int64)] {
                let listed = await test.call(
                    "GET", "/v1/payments/history\(query)", token: payments.administrator.token)
                #expect(listed["total"] == .integer(total), "\(query)")
            }
            let wrong = await test.call(
                "GET", "/v1/payments/history?user_id=x", token: payments.administrator.token)
            #expect(wrong.status == 422)
        }
    }

    @Test(arguments: Engine.available)
    func `an account whose address is not verified, or that is suspended, begins no payment`(engine: Engine)
        async throws
    {
        try await withPayments(engine) { payments in
            try await payments.test.setVerified(false, payments.payer)
            let unverified = await payments.create()
            #expect(unverified.status == 403 && unverified.code == "email-not-verified")
            try await payments.test.setVerified(true, payments.payer)
            try await payments.database.write {
                try $0.execute("UPDATE people SET suspended_at = \($0.now) WHERE id = \(payments.payer.id)")
            }
            #expect(await payments.create().status == 401)
            #expect((payments.stripe.objects() as [StripePaymentIntent]).isEmpty)
        }
    }

    @Test(arguments: Engine.available)
    func `an organisation has one customer at the provider, for requests at once`(engine: Engine) async throws {
        let writes = CountingDatabase.Counter()
        try await withPayments(engine, databaseWrapper: { CountingDatabase($0, writes) }) { payments in
            let customers = payments.billing.customers
            let scope = try await payments.scope()
            let ids = Set(
                try await payments.atOnce("/v1/customers", writes) {
                    try await customers.require(for: scope).providerID
                })
            #expect(ids.count == 1 && (payments.stripe.objects() as [StripeCustomer]).count == 1)
            let intent = try #require(await payments.create()["payment_intent_id"]?.string)
            #expect(payments.stripe.object(intent, as: StripePaymentIntent.self)?.customer == ids.first)
        }
    }
}
