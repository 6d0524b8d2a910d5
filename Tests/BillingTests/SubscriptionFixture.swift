import App
import Base
import Entitlements
import Identity
import Modules
import Stripe
import TestKit
import TestStripe
import Testing

@testable import Billing

/// The system with the double of the provider, whose clocks are one, and an account with a verified address.
struct SubscriptionFixture: Sendable {
    let test: TestApp
    let stripe: TestStripeServer
    let person: TestPerson

    var database: any Database { test.app.database }
    var organisation: ID<Organisation> { ID(trusted: person.organisation) }

    func post(_ path: String, _ json: JSONValue? = nil, as other: TestPerson? = nil) async -> TestResponse {
        await test.call("POST", "/v1/\(path)", json: json, token: (other ?? person).token)
    }

    func get(_ path: String, as other: TestPerson? = nil) async -> TestResponse {
        await test.call("GET", "/v1/\(path)", token: (other ?? person).token)
    }

    /// Delivers the events that the provider has made, and runs the jobs that apply them.
    func deliver(_ plan: TestStripeDelivery = TestStripeDelivery()) async throws {
        let refused = try await stripe.deliver(plan) { webhook in
            let response = await test.call(
                "POST", "/v1/webhooks/stripe", body: ("application/json", webhook.body),
                headers: ["Stripe-Signature": webhook.signature])
            return response.status == 200
        }
        #expect(refused.isEmpty)
        try await test.runJobs()
    }

    /// Delivers an event as it was signed now.
    func send(_ event: [UInt8]) async {
        let signature = StripeSignature.header(of: event, secrets: [stripe.webhookSecret], at: test.clock.now)
        let response = await test.call(
            "POST", "/v1/webhooks/stripe", body: ("application/json", event),
            headers: ["Stripe-Signature": signature])
        #expect(response.status == 200)
    }

    /// Moves both clocks, the last eight days one by one, so that a renewal and its retries are seen when they happen.
    func advance(days: Int64) async throws {
        let single = min(days, 8)
        for step in [days - single] + Array(repeating: 1, count: Int(single)) where step > 0 {
            test.clock.advance(by: .days(step))
            try await deliver()
        }
    }

    /// Starts a plan and pays its first invoice.
    func buy(_ plan: String, _ cycle: String = "monthly") async throws -> String {
        let started = await post("payments/subscribe", ["plan": .string(plan), "cycle": .string(cycle)])
        #expect(started.status == 201 && started["status"] == "incomplete", "\(started)")
        #expect(started["client_secret"]?.string?.isEmpty == false && started["publishable_key"] == "pk_test_double")
        let id = try #require(started["billing"]?["stripe_subscription_id"]?.string, "\(started)")
        try stripe.payLatestInvoice(of: id)
        try await deliver()
        return id
    }

    /// Begins the payment of one period of a plan in advance.
    func order(_ plan: String, _ members: [String: JSONValue] = [:], as other: TestPerson? = nil) async
        -> TestResponse
    {
        await post("payments/create-intent", .object(members.merging(["plan": .string(plan)]) { $1 }), as: other)
    }

    /// Pays one period of a plan in advance.
    func pay(_ plan: String, _ members: [String: JSONValue] = [:]) async throws {
        let ordered = await order(plan, members)
        try stripe.pay(try #require(ordered["payment_intent_id"]?.string, "\(ordered)"))
        try await deliver()
    }

    func invoices() async -> [JSONValue] { await get("payments/invoices")["data"]?.array ?? [] }

    /// The balances of the accounts in a currency, by name.
    func balances(_ currency: String = "usd") async throws -> [String: Int64] {
        let rows = try await database.read { transaction in
            try transaction.all("SELECT name, balance FROM ledger_accounts WHERE unit = \(currency) AND balance <> 0") {
                (try $0.read("name", as: String.self), try $0.read("balance", as: Int64.self))
            }
        }
        return Dictionary(rows, uniquingKeysWith: +)
    }

    /// A coupon of half the first invoice, for one organisation.
    func makeCoupon(_ code: String) async throws {
        let administrator = try await test.administrator()
        let made = await post(
            "admin/coupons",
            ["code": .string(code), "percent": 50, "duration": "once", "max_redemptions": 1], as: administrator)
        guard made.status == 201 else { throw UnexpectedResponse(made) }
    }

    func redemptions(of code: String) async throws -> Int64? {
        try await database.read { try $0.coupon(code: code)?.redemptions }
    }

    func subscription() async -> TestResponse { await get("payments/subscription") }

    /// Has the system read a subscription at the provider, and its newest invoice.
    func read(_ id: String) async throws {
        try await test.app.billing.events.refresh(id, .subscription)
        let invoice = try #require(stripe.object(id, as: StripeSubscription.self)?.latestInvoice)
        try await test.app.billing.events.refresh(invoice, .invoice)
    }

    /// Sends the calls to the provider that are not settled, as their jobs do later.
    func sendOpenCalls() async throws {
        let open: [ID<ProviderCall>] = try await database.read { transaction in
            try transaction.all(
                "SELECT id FROM provider_calls WHERE state NOT IN ('done', 'refused') ORDER BY created_at, id"
            ) { try $0["id"] }
        }
        for call in open { _ = try await test.app.billing.calls.send(call) }
    }

    /// The status of the live subscription.
    func status() async throws -> String? {
        try await database.read { [organisation] transaction in
            try transaction.first(
                "SELECT status FROM subscriptions WHERE organisation_id = \(organisation) AND is_live = 1"
            ) { try $0["status"] }
        }
    }

    /// The plan that is to follow the live subscription's.
    func nextPlan() async throws -> String? {
        try await database.read { [organisation] transaction in
            try transaction.first(
                "SELECT next_plan_id FROM subscriptions WHERE organisation_id = \(organisation) AND is_live = 1"
            ) { try $0.read("next_plan_id", as: String?.self) } ?? nil
        }
    }

    /// What the provider has charged, in cents.
    var charged: Int64 { stripe.totals["usd"]?.charged ?? 0 }

    /// What was charged is the platform's revenue, and was invoiced.
    /// - Parameter count: of invoices.
    func requireRevenue(invoices count: Int64) async throws {
        let usd = try #require(Currency("usd"))
        let (balances, invoices, total) = try await database.read { [billing = test.app.billing] transaction in
            (
                try billing.money.balances(of: .platform, in: usd, transaction).filter { $0.value != 0 },
                try transaction.count("SELECT COUNT(*) AS count FROM invoices"),
                try transaction.count("SELECT CAST(COALESCE(SUM(total), 0) AS \(.integer)) AS count FROM invoices")
            )
        }
        #expect(balances == (charged == 0 ? [:] : [.provider: -charged, .revenue: charged]))
        #expect(invoices == count && total == charged)
    }

    func notices() async throws -> [String] {
        try await database.read {
            try $0.all("SELECT notice FROM subscription_notices ORDER BY notice") { try $0["notice"] }
        }
    }

    var atProvider: [StripeSubscription] { stripe.objects() }
}

func withSubscriptions(
    _ engine: Engine, settings: TestStripeServer.Settings = TestStripeServer.Settings(),
    databaseWrapper: @escaping @Sendable (any Database) -> any Database = { $0 },
    change: (inout Configuration, TestStripeServer) -> Void = { _, _ in },
    _ body: (SubscriptionFixture) async throws -> Void
) async throws {
    let clock = TestClock()
    let stripe = try await TestStripeServer.start(settings, now: { clock.now })
    try await withTestApp(
        engine, clock: clock, databaseWrapper: databaseWrapper,
        change: {
            $0.stripeSecretKey = stripe.secretKey
            $0.stripePublishableKey = "pk_test_double"
            $0.stripeWebhookSecrets = [stripe.webhookSecret]
            $0.stripeAPIBase = stripe.url
            $0.accessTokenLifetime = .days(500)
            change(&$0, stripe)
        }
    ) { test in
        let fixture = SubscriptionFixture(test: test, stripe: stripe, person: try await test.register("buyer"))
        try await body(fixture)
        let faults = try await Invariants.faults(in: test.app.database)
        #expect(faults == [])
    }
    await stripe.stop()
}
