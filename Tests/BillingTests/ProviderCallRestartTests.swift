import App
import Base
import Modules
import Stripe
import TestKit
import TestStripe
import Testing

@testable import Billing

/// A process that is killed at each commit of a request, before and after it sends a call to the provider, and the
/// process that follows it: each call has its effect once, under the key that it was written with.
@Suite struct ProviderCallRestartTests {
    /// Within the lifetime of the provider's keys, and beyond it.
    private static let outages: [Duration] = [.minutes(2), .hours(25)]

    @Test(arguments: Engine.available)
    func `a payment is begun once, or known not to have been`(engine: Engine) async throws {
        let process = UnavailableDatabase.Switch()
        try await withPayments(engine, databaseWrapper: process.wrap) { payments in
            try await withAnotherProcess(of: payments.test) { next in
                _ = PaymentLog(of: next.app)
                for outage in Self.outages {
                    func order(_ number: Int) -> String { "order-\(number) \(outage)" }
                    let count = try await process.killAtEachCommit { number in
                        try await payments.create(order(number)).require(200)
                    } recover: { number in
                        try await pass(outage, payments.test, next)
                        let written = try await payments.database.read { [subject = order(number)] in
                            try $0.payments(of: PaymentFixture.purpose, subject: subject, limit: 10)
                        }
                        #expect(written.count <= 1)
                        let intents: [StripePaymentIntent] = payments.stripe.objects()
                        for payment in written {
                            let made = intents.count { $0.metadata["gatehouse_payment"] == payment.id.text }
                            let isAbsent = made == 0 && outage > ProviderCall.keyLifetime
                            #expect(payment.state == (isAbsent ? .canceled : .requiresPaymentMethod), "\(number)")
                            #expect(made == (isAbsent ? 0 : 1), "\(number)")
                        }
                    }
                    #expect(count >= 5)
                }
                #expect(try await payments.calls().allSatisfy { $0.state.isFinal })
                requireOneKeyForEachBody(payments.stripe, "/v1/payment_intents")
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a refund is paid once, or its money is put back`(engine: Engine) async throws {
        let process = UnavailableDatabase.Switch()
        try await withPayments(engine, databaseWrapper: process.wrap) { payments in
            let payment = try await payments.pay()
            try await withAnotherProcess(of: payments.test) { next in
                _ = PaymentLog(of: next.app)
                for outage in Self.outages {
                    let count = try await process.killAtEachCommit { number in
                        try await payments.refund(payment, 50, key: "key-\(number)-\(outage)").require(201)
                    } recover: { _ in
                        try await pass(outage, payments.test, next)
                    }
                    #expect(count >= 5)
                    let refunds = try await payments.database.read { try $0.refunds(of: payment.id) }
                    let made: [StripeRefund] = payments.stripe.objects()
                    #expect(refunds.count { $0.state == .succeeded } == made.count)
                    #expect(refunds.allSatisfy { $0.state == .succeeded || $0.state == .failed })
                    // Within the lifetime of the keys nothing is given up.
                    #expect(outage > ProviderCall.keyLifetime || refunds.count == made.count)
                }
                let returned = Int64((payments.stripe.objects() as [StripeRefund]).count) * 50
                #expect(
                    try await payments.balances() == [.held: 1_999 - returned, .refunded: returned, .provider: -1_999])
                requireOneKeyForEachBody(payments.stripe, "/v1/refunds")
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a transfer is made once`(engine: Engine) async throws {
        let process = UnavailableDatabase.Switch()
        try await withPayouts(engine, databaseWrapper: process.wrap) { payouts in
            try await withAnotherProcess(of: payouts.test) { next in
                let count = try await process.killAtEachCommit { number in
                    let payout = try await payouts.release(
                        payouts.newPayout("service-\(number)", 1_000, commission: 100))
                    guard payout.state == .transferred else { throw Problem(.conflict) }
                } recover: { number in
                    try await pass(.minutes(2), payouts.test, next)
                    #expect(payouts.transfers.count == number, "\(number)")
                }
                #expect(count >= 5)
                let paid = Int64(payouts.transfers.count) * 900
                #expect(try await payouts.balances(of: payouts.payee) == [.inTransit: paid])
                requireOneKeyForEachBody(payouts.stripe, "/v1/transfers")
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a subscription, or the page that starts it, is begun once`(engine: Engine) async throws {
        let process = UnavailableDatabase.Switch()
        try await withSubscriptions(engine, databaseWrapper: process.wrap) { fixture in
            try await withAnotherProcess(of: fixture.test) { next in
                var person = fixture.person
                for isCheckout in [false, true] {
                    let path = isCheckout ? "stripe/create-checkout-session" : "payments/subscribe"
                    let body: JSONValue = isCheckout ? ["plan_id": "student"] : ["plan": "student"]
                    let count = try await process.killAtEachCommit { _ in
                        try await fixture.post(path, body, as: person).require(isCheckout ? 200 : 201)
                    } recover: { number in
                        try await pass(.minutes(2), fixture.test, next)
                        // The client repeats its request.
                        try await next.call("POST", "/v1/\(path)", json: body, token: person.token)
                            .require(isCheckout ? 200 : 201)
                        let sessions: [StripeCheckoutSession] = fixture.stripe.objects()
                        #expect((isCheckout ? sessions.count : fixture.atProvider.count) == number, "\(number)")
                        let customers: [StripeCustomer] = fixture.stripe.objects()
                        #expect(customers.count == fixture.atProvider.count + sessions.count, "\(number)")
                        person = try await fixture.test.register("buyer-\(number)")
                    }
                    #expect(count >= 10)
                }
                #expect((fixture.stripe.objects() as [StripePrice]).count == 1)
                requireOneKeyForEachBody(
                    fixture.stripe, "/v1/customers", "/v1/products", "/v1/prices", "/v1/subscriptions",
                    "/v1/checkout/sessions")
            }
        }
    }

    @Test(arguments: Engine.available)
    func `an upgrade is paid once`(engine: Engine) async throws {
        let process = UnavailableDatabase.Switch()
        try await withSubscriptions(engine, databaseWrapper: process.wrap) { fixture in
            try await withAnotherProcess(of: fixture.test) { next in
                var id = try await fixture.buy("student")
                let count = try await process.killAtEachCommit { _ in
                    try await fixture.post("payments/upgrade", ["plan": "employee"]).require(200)
                } recover: { number in
                    try await pass(.minutes(2), fixture.test, next)
                    let keys = keys(of: fixture.stripe, "/v1/subscriptions/\(id)")
                    let invoices: [StripeInvoice] = fixture.stripe.objects()
                    let paid = invoices.count { $0.subscription == id && $0.amountPaid.minorUnits > 0 }
                    #expect(keys.count <= 1 && paid == 1 + keys.count, "\(number): \(keys)")
                    let plan = keys.isEmpty ? "student" : "employee"
                    #expect(await fixture.subscription()["plan"]?["id"] == .string(plan), "\(number)")
                    // The next run has another subscription.
                    try await fixture.post("payments/cancel-subscription", ["immediate": true]).require(200)
                    id = try await fixture.buy("student")
                }
                #expect(count >= 5)
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a downgrade, an end and their revocation are made once`(engine: Engine) async throws {
        let process = UnavailableDatabase.Switch()
        try await withSubscriptions(engine, databaseWrapper: process.wrap) { fixture in
            try await withAnotherProcess(of: fixture.test) { next in
                let id = try await fixture.buy("employee")
                var known = keys(of: fixture.stripe, "/v1/subscriptions/\(id)")
                for (path, body, member) in [
                    ("downgrade", ["plan": "student"], "next_plan"), ("cancel-subscription", [:], "cancel_at"),
                    ("resumption", nil, "cancel_at"),
                ] as [(String, JSONValue?, String)] {
                    let isRevocation = path == "resumption"
                    let end: JSONValue = [:]
                    if isRevocation { try await fixture.post("payments/cancel-subscription", end).require(200) }
                    known = keys(of: fixture.stripe, "/v1/subscriptions/\(id)")
                    let count = try await process.killAtEachCommit { _ in
                        try await fixture.post("payments/\(path)", body).require(200)
                    } recover: { number in
                        try await pass(.minutes(2), fixture.test, next)
                        let made = keys(of: fixture.stripe, "/v1/subscriptions/\(id)").subtracting(known)
                        let present = await fixture.subscription()
                        let isDone = (present[member] != nil) != isRevocation
                        #expect(made.count == (isDone ? 1 : 0), "\(path) \(number): \(made) \(present)")
                        // The next run begins with the same state.
                        if isDone, isRevocation {
                            try await fixture.post("payments/cancel-subscription", end).require(200)
                        } else if isDone {
                            try await fixture.post("payments/resumption").require(200)
                        }
                        known = keys(of: fixture.stripe, "/v1/subscriptions/\(id)")
                    }
                    #expect(count >= 4, "\(path)")
                }
            }
        }
    }

    // MARK: Shared

    /// Has the jobs of the process that follows look twice at what is not settled: the provider's lists may lag, so
    /// that what is absent is looked up again.
    private func pass(_ outage: Duration, _ killed: TestApp, _ next: TestApp) async throws {
        for _ in 0..<2 {
            killed.clock.advance(by: outage)
            try await next.runJobs()
        }
    }

    /// The keys that requests to a path had.
    private func keys(of stripe: TestStripeServer, _ path: String) -> Set<String> {
        Set(stripe.exchanges.filter { $0.method == "POST" && $0.path == path }.compactMap(\.idempotencyKey))
    }

    /// The body of a request that makes an object names its row here: another key would make it twice.
    private func requireOneKeyForEachBody(_ stripe: TestStripeServer, _ paths: String...) {
        for path in paths {
            var keys: [String: Set<String>] = [:]
            var bodies: [String: Set<String>] = [:]
            for exchange in stripe.exchanges where exchange.method == "POST" && exchange.path == path {
                let key = exchange.idempotencyKey ?? ""
                let body = exchange.fields.map { "\($0.name)=\($0.value)" }.joined(separator: "&")
                keys[body, default: []].insert(key)
                bodies[key, default: []].insert(body)
            }
            #expect(keys.values.allSatisfy { $0.count == 1 }, "\(path)")
            #expect(bodies.values.allSatisfy { $0.count == 1 }, "\(path)")
        }
    }
}
