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

    /// Moves both clocks, by days, so that each renewal and retry is seen when it happens.
    func advance(days: Int64) async throws {
        for _ in 0..<days {
            test.clock.advance(by: .days(1))
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

    func subscription() async -> TestResponse { await get("payments/subscription") }

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
        }
    ) { test in
        let fixture = SubscriptionFixture(test: test, stripe: stripe, person: try await test.register("buyer"))
        try await body(fixture)
        let faults = try await Invariants.faults(in: test.app.database)
        #expect(faults == [])
    }
    await stripe.stop()
}
