import App
import Base
import Modules
import Stripe
import TestKit
import TestStripe
import Testing

@testable import Billing

/// Refunds: never more than was paid, each once, with the money back where one fails.
@Suite struct RefundTests {
    @Test(arguments: Engine.available)
    func `a refund takes held money, and is paid once`(engine: Engine) async throws {
        try await withPayments(engine) { payments in
            let payment = try await payments.pay()
            let first = await payments.refund(payment, 500)
            #expect(first.status == 201 && first["status"] == "succeeded")
            #expect(first["amount"] == 5 && first["amount_minor"] == 500 && first["currency"] == "usd")
            #expect(await payments.refund(payment, 500)["id"] == first["id"])
            let conflict = await payments.refund(payment, 501)
            #expect(conflict.status == 409 && conflict.code == "operation-conflict")
            #expect(try await payments.balances() == [.held: 1_499, .refunded: 500, .provider: -1_999])
            let rest = await payments.refund(payment, nil, key: "key-2")
            #expect(rest.status == 201 && rest["amount_minor"] == 1_499)
            #expect(await payments.refund(payment, nil, key: "key-2")["id"] == rest["id"])
            let none = await payments.refund(payment, 1, key: "key-3")
            #expect(none.status == 409 && none.code == "refund-too-high")
            #expect(payments.stripe.totals["usd"]?.refunded == 1_999)
            try await payments.deliver()
            #expect(try await payments.balances() == [.refunded: 1_999, .provider: -1_999])
            let listed = await payments.test.call(
                "GET", "/v1/payments/history?status=refunded", token: payments.payer.token)
            #expect(listed["total"] == 1 && listed["data"]?[0]?["refunded_amount"] == 19.99)
            let refunds = await payments.admin("GET", "payments/\(payment.id)/refunds")
            #expect(refunds.json.array?.count == 2)
            let unlike = await payments.test.call(
                "POST", "/v1/admin/payments/\(payment.id)/refunds",
                json: ["amount": 1, "amount_minor": 101, "reason": "x"], token: payments.administrator.token,
                headers: ["Idempotency-Key": "unlike"])
            #expect(unlike["errors"]?[0]?["detail"] == "is not the same amount as amount_minor", "\(unlike)")
            let noKey = await payments.admin("POST", "payments/\(payment.id)/refunds", ["reason": "x"])
            #expect(noKey.status == 400)
        }
    }

    @Test(arguments: Engine.available)
    func `of refunds at once, only those within what was paid are made`(engine: Engine) async throws {
        try await withPayments(engine) { payments in
            let payment = try await payments.pay()
            let statuses = await withTaskGroup { group in
                for number in 1...6 { group.addTask { await payments.refund(payment, 600, key: "k\(number)").status } }
                return await group.reduce(into: [Int]()) { $0.append($1) }
            }
            #expect(statuses.sorted() == [201, 201, 201, 409, 409, 409])
            #expect(payments.stripe.totals["usd"]?.refunded == 1_800)
        }
    }

    @Test(arguments: Engine.available)
    func `a refund whose outcome is unknown keeps its money aside, and is made once`(engine: Engine) async throws {
        try await withPayments(engine) { payments in
            let payment = try await payments.pay()
            payments.stripe.fail(.lostAfterEffect, path: "/v1/refunds")
            let requested = await payments.refund(payment, 1_999)
            #expect(requested.status == 201 && requested["status"] == "requested")
            #expect(try await payments.balances() == [.refundPending: 1_999, .provider: -1_999])
            #expect(await payments.refund(payment, 1, key: "key-2").code == "refund-too-high")
            payments.stripe.expireKeys()
            payments.test.clock.advance(by: .hours(25))
            try await payments.test.runJobs()
            #expect(try await payments.balances() == [.refunded: 1_999, .provider: -1_999])
            #expect(payments.stripe.totals["usd"]?.refunded == 1_999)
        }
    }

    @Test(arguments: Engine.available)
    func `a refused refund, and one that the bank returns, put the money back`(engine: Engine) async throws {
        try await withPayments(engine) { payments in
            let payment = try await payments.pay()
            payments.stripe.fail(
                .refused(status: 400, type: "invalid_request_error", code: "charge_disputed"), path: "/v1/refunds")
            let refused = await payments.refund(payment, 1_999)
            #expect(refused["status"] == "failed" && refused["failure_code"] == "charge_disputed")
            #expect(try await payments.balances() == [.held: 1_999, .provider: -1_999])
            let made = await payments.refund(payment, 1_999, key: "key-2")
            #expect(made["status"] == "succeeded")
            let refund = try #require((payments.stripe.objects() as [StripeRefund]).first)
            payments.stripe.failRefund(refund.id)
            for _ in 0..<2 { try await payments.deliver() }
            #expect(try await payments.balances() == [.held: 1_999, .provider: -1_999])
            #expect(await payments.refund(payment, 1_999, key: "key-3")["status"] == "succeeded")
        }
    }

    @Test(arguments: Engine.available)
    func `a refund in the dashboard is recorded, and what was released is borne by the platform`(engine: Engine)
        async throws
    {
        try await withPayments(engine) { payments in
            let payment = try await payments.pay()
            // 1,500 of the held money went elsewhere.
            try await payments.database.write { [billing = payments.billing] in
                try billing.money.post(
                    "test.release", of: .organisation(payment.organisation), in: payment.amount.currency,
                    operation: "release", subject: "service",
                    [MoneyMovement(1_500, from: payment.account, to: .fees)], in: $0)
            }
            #expect(await payments.refund(payment, 1_000).code == "ledger-overdrawn")
            try payments.stripe.refund(paymentIntent: try #require(payment.intentID))
            for _ in 0..<2 { try await payments.deliver() }
            #expect(
                try await payments.balances() == [.refunded: 1_999, .fees: 1_500, .revenue: -1_500, .provider: -1_999])
        }
    }

    @Test(arguments: Engine.available)
    func `a refund in the dashboard whose event comes before that of its payment is recorded after it`(engine: Engine)
        async throws
    {
        try await withPayments(engine) { payments in
            let intent = try #require(await payments.create()["payment_intent_id"]?.string)
            try payments.stripe.pay(intent)
            try payments.stripe.refund(paymentIntent: intent, amount: 500)
            let webhooks = payments.stripe.webhooks()
            for webhook in webhooks where webhook.event.type.hasPrefix("refund.") { await payments.send(webhook) }
            try await payments.test.runJobs()
            #expect(try await payments.balances().isEmpty)
            for webhook in webhooks { await payments.send(webhook) }
            try await payments.test.runJobs()
            payments.test.clock.advance(by: .minutes(1))
            try await payments.test.runJobs()
            #expect(try await payments.balances() == [.held: 1_499, .refunded: 500, .provider: -1_999])
            let payment = try #require(try await payments.payment(intent))
            #expect(payment.state == .succeeded && payment.refundedMinor == 500)
        }
    }

    @Test(arguments: Engine.available)
    func `a payment and its refund are made once, whatever step fails`(engine: Engine) async throws {
        let loop = FaultLoop.ofCalls
        try await withPayments(engine, databaseWrapper: loop.wrap) { payments in
            var intent = ""
            try await loop.run("create", on: payments.test, atLeast: 20) {
                let created = await payments.create()
                try created.require(200)
                intent = created["payment_intent_id"]?.string ?? ""
            }
            try payments.stripe.pay(intent)
            let webhooks = payments.stripe.webhooks()
            try await loop.run("receive", on: payments.test, atLeast: 2) {
                for webhook in webhooks {
                    try await payments.billing.events.receive(try JSONValue(parsing: webhook.body), by: .webhook)
                }
            }
            try await loop.run("apply", on: payments.test, atLeast: 10) {
                try await payments.billing.events.refresh(intent, .paymentIntent)
            }
            try await payments.test.runJobs()
            let payment = try #require(try await payments.payment(intent))
            #expect(payment.state == .succeeded && payments.log.count(payment.id, .succeeded) == 1)
            try await loop.run("refund", on: payments.test, atLeast: 10) {
                try await payments.refund(payment, 999).require(201)
            }
            payments.test.clock.advance(by: .hours(25))
            try await payments.test.runJobs()
            #expect(try await payments.balances() == [.held: 1_000, .refunded: 999, .provider: -1_999])
            #expect(payments.stripe.totals["usd"]?.refunded == 999)
        }
    }
}
