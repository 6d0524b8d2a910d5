import App
import Base
import Billing
import Identity
import Modules
import Stripe
import TestKit
import TestStripe
import Testing

@testable import Marketplace

/// Marketplace with the double of the payment provider.
struct MarketplaceMoneyFixture: Sendable {
    let marketplace: MarketplaceFixture
    let stripe: TestStripeServer

    /// The service of the fixture for 80 guests.
    static let price: Int64 = 324_000
    static let commission: Int64 = 32_400

    var app: TestApp { marketplace.app }
    var organizer: TestPerson { marketplace.organizer }
    var provider: TestPerson { marketplace.provider }
    var administrator: TestPerson { marketplace.administrator }
    var transfers: [StripeTransfer] { stripe.objects() }
    var refunds: [StripeRefund] { stripe.objects() }

    init(_ app: TestApp, _ stripe: TestStripeServer) async throws {
        marketplace = try await MarketplaceFixture(app)
        self.stripe = stripe
        // The first run of the schedules sets their next times.
        try await app.runJobs()
    }

    func post(_ path: String, _ json: JSONValue = [:], as person: TestPerson? = nil) async -> TestResponse {
        await marketplace.post(path, json, as: person ?? organizer)
    }

    func admin(_ method: String, _ path: String, _ json: JSONValue? = nil) async -> TestResponse {
        await app.call(method, "/v1/admin/\(path)", json: json, token: administrator.token)
    }

    /// Connects an account of the provider's, which can be paid.
    func onboard() async throws {
        let link = await app.call(
            "POST", "/v1/payout-account/onboarding", json: ["country": "US"], token: provider.token)
        guard link.status == 200, let account = link["account_id"]?.string else { throw UnexpectedResponse(link) }
        stripe.onboard(account)
        let refreshed = await app.call("POST", "/v1/payout-account/refresh", token: provider.token)
        guard refreshed["can_be_paid"] == true else { throw UnexpectedResponse(refreshed) }
    }

    func createIntent(_ event: String, _ more: [String: JSONValue] = [:], as person: TestPerson? = nil) async
        -> TestResponse
    {
        await post(
            "payments/create-intent", .object(more.merging(["event_id": .string(event)]) { $1 }), as: person)
    }

    func confirm(_ intent: String, as person: TestPerson? = nil) async -> TestResponse {
        await post("payments/confirm", ["payment_intent_id": .string(intent)], as: person)
    }

    /// Pays what is due for an event by a card.
    func pay(_ event: String) async throws {
        let created = await createIntent(event)
        guard created.status == 200, let intent = created["payment_intent_id"]?.string else {
            throw UnexpectedResponse(created)
        }
        try stripe.pay(intent)
        let confirmed = await confirm(intent)
        guard confirmed.status == 200 else { throw UnexpectedResponse(confirmed) }
    }

    /// A service that is booked and paid.
    func paidService(isCompleted: Bool = true) async throws -> (event: String, service: String) {
        let event = try await marketplace.event()
        let service = try await marketplace.booked(event)
        try await pay(event)
        if isCompleted { try await complete(service) }
        return (event, service)
    }

    func complete(_ service: String) async throws {
        let response = await post("bookings/complete-service/\(service)", as: provider)
        guard response.status == 200 else { throw UnexpectedResponse(response) }
    }

    func release(_ service: String, as person: TestPerson? = nil) async -> TestResponse {
        await post("payments/release/\(service)", as: person)
    }

    /// Reserves the payout of a service without sending it: a release whose process ends after its first transaction.
    func reserve(_ service: String) async throws {
        let (organizer, provider): (ID<Organisation>?, ID<Organisation>?) = (
            ID(self.organizer.organisation), ID(self.provider.organisation)
        )
        let new = NewPayout(
            .release, of: service, from: .held(of: try #require(organizer)), to: try #require(provider),
            amount: Money(Self.price, try #require(Currency("usd"))), commission: Self.commission,
            key: "release_payment:\(service)")
        try await marketplace.database.write { [payouts = app.app.billing.payouts] transaction in
            _ = try transaction.lockedServiceBooking(ID(trusted: service))
            _ = try payouts.begin(new, in: transaction)
        }
    }

    /// The newest payout of a service, as administrators see it.
    func payout(of service: String) async throws -> JSONValue {
        try #require(await admin("GET", "payouts?subject=\(service)")["data"]?[0])
    }

    /// Runs the jobs that send what no request has sent.
    func sendReserved() async throws {
        app.clock.advance(by: .seconds(3))
        try await app.runJobs()
    }

    func cancel(_ event: String, as person: TestPerson? = nil) async -> TestResponse {
        await post("events/\(event)/cancel", ["reason": "Rain"], as: person)
    }

    func dispute(_ service: String) async -> TestResponse {
        await post("bookings/dispute/\(service)", ["reason": "Cold food"])
    }

    func status(of service: String) async -> String? {
        await marketplace.get("event-services/\(service)", as: organizer)["data"]?["status"]?.string
    }

    /// The balances of the organizer, the provider and the platform in USD, without those of 0.
    func balances() async throws -> [MoneyAccount.Name: Int64] {
        let usd = try #require(Currency("usd"))
        let owners: [MoneyOwner] = [
            .organisation(try #require(ID(organizer.organisation))),
            .organisation(try #require(ID(provider.organisation))), .platform,
        ]
        return try await marketplace.database.read { [billing = app.app.billing] transaction in
            try owners.map { try billing.money.balances(of: $0, in: usd, transaction) }
                .reduce(into: [:]) { sums, balances in sums.merge(balances) { $0 + $1 } }.filter { $0.value != 0 }
        }
    }
}

extension FaultLoop {
    /// Checks the money of events. After each run the lease of a call that was being sent ends.
    static var ofEvents: FaultLoop {
        FaultLoop(checking: MarketplaceModule.invariants + BillingModule.invariants, pause: .seconds(61))
    }
}

func withMarketplaceMoney(
    _ engine: Engine, at start: Instant? = nil,
    databaseWrapper: @escaping @Sendable (any Database) -> any Database = { $0 }, isOnboarded: Bool = true,
    _ body: (MarketplaceMoneyFixture) async throws -> Void
) async throws {
    let clock = start.map { TestClock($0) } ?? TestClock()
    let stripe = try await TestStripeServer.start(now: { clock.now })
    try await withTestApp(
        engine, clock: clock, databaseWrapper: databaseWrapper,
        change: {
            $0.stripeSecretKey = stripe.secretKey
            $0.stripeWebhookSecrets = [stripe.webhookSecret]
            $0.stripeAPIBase = stripe.url
            // Tests move the clock beyond the usual lifetime.
            $0.accessTokenLifetime = .hours(20)
        }
    ) { app in
        let fixture = try await MarketplaceMoneyFixture(app, stripe)
        if isOnboarded { try await fixture.onboard() }
        try await body(fixture)
        try await fixture.marketplace.requireInvariants()
    }
    await stripe.stop()
}
