import App
import Base
import Identity
import Modules
import Stripe
import TestKit
import TestStripe
import Testing

@testable import Billing

/// The system with the double of the provider, a payer with held money, and a payee whose account is onboarded.
struct PayoutFixture: Sendable {
    let test: TestApp
    let stripe: TestStripeServer
    let payer: TestPerson
    let payee: TestPerson
    let administrator: TestPerson
    /// The payee's account at the provider.
    let account: String

    static let purpose = PayoutPurpose("test.release")
    static let paymentPurpose = PaymentPurpose("test.event")

    var billing: BillingModule { test.app.billing }
    var payouts: PayoutService { billing.payouts }
    var database: any Database { test.app.database }

    init(_ test: TestApp, _ stripe: TestStripeServer) async throws {
        self.test = test
        self.stripe = stripe
        test.app.billing.payments.register(Self.paymentPurpose, to: .held) { _, _ in }
        // The first run of the schedules sets their next times.
        try await test.runJobs()
        payer = try await test.register("payer")
        payee = try await test.register("payee")
        administrator = try await test.administrator()
        let link = await test.call(
            "POST", "/v1/payout-account/onboarding", json: ["country": "US"], token: payee.token)
        guard link.status == 200, let account = link["account_id"]?.string else { throw UnexpectedResponse(link) }
        self.account = account
        stripe.onboard(account)
        let refreshed = await test.call("POST", "/v1/payout-account/refresh", token: payee.token)
        guard refreshed["can_be_paid"] == true else { throw UnexpectedResponse(refreshed) }
        try await fund(money(100_000))
    }

    func money(_ units: Int64, _ currency: String = "usd") throws -> Money {
        Money(units, try #require(Currency(currency)))
    }

    func organisation(of person: TestPerson) throws -> ID<Organisation> { try #require(ID(person.organisation)) }

    /// Has the payer pay money that is held, and the provider have it.
    func fund(_ amount: Money, _ name: String = "funds") async throws {
        stripe.addFunds(amount)
        let organisation = try organisation(of: payer)
        try await database.write { [billing, test] in
            _ = try billing.payments.record(
                ReceivedPayment(
                    NewPayment(
                        organisation: organisation, person: nil, purpose: Self.paymentPurpose, subject: name,
                        amount: amount, description: name),
                    by: .upi, providerID: "\(name)-\(amount.currency.code)", receivedAt: test.clock.now), in: $0)
        }
    }

    /// A payment of the payer that has arrived by a card.
    func pay(_ amount: Int64) async throws -> Payment {
        let started = try await begin(payment: amount)
        try stripe.pay(try #require(started.intentID))
        let paid = try await billing.payments.refresh(started.id)
        #expect(paid.state == .succeeded)
        return paid
    }

    /// A payment that the payer has not confirmed.
    func begin(payment amount: Int64) async throws -> Payment {
        let new = NewPayment(
            organisation: try organisation(of: payer), person: nil, purpose: Self.paymentPurpose, subject: "event-1",
            amount: try money(amount), description: "an event")
        let begun = try await database.write { [billing] in try billing.payments.begin(new, in: $0).payment }
        return try await billing.payments.start(begun.id).payment
    }

    func newPayout(
        _ subject: String = "service-1", _ amount: Int64 = 10_000, _ currency: String = "usd",
        commission: Int64 = 1_000, needsApproval: Bool = false
    ) throws -> NewPayout {
        NewPayout(
            Self.purpose, of: subject, from: .held(of: try organisation(of: payer)), to: try organisation(of: payee),
            amount: try money(amount, currency), commission: commission, key: "release_payment:\(subject)",
            metadata: ["service": subject], needsApproval: needsApproval)
    }

    @discardableResult
    func begin(_ payout: NewPayout? = nil) async throws -> Payout {
        let new = try payout ?? newPayout()
        return try await database.write { [payouts] in try payouts.begin(new, in: $0).payout }
    }

    /// Begins a payout and sends it.
    func release(_ payout: NewPayout? = nil) async throws -> Payout { try await payouts.send(begin(payout).id) }

    func current(_ id: ID<Payout>) async throws -> Payout {
        try #require(try await database.read { try $0.payout(id) })
    }

    /// The balances of an account's organisation, without those of 0.
    func balances(of person: TestPerson, _ currency: String = "usd") async throws -> [MoneyAccount.Name: Int64] {
        try await balances(of: .organisation(organisation(of: person)), currency)
    }

    func balances(of owner: MoneyOwner, _ currency: String = "usd") async throws -> [MoneyAccount.Name: Int64] {
        let currency = try #require(Currency(currency))
        return try await database.read { [billing] in
            try billing.money.balances(of: owner, in: currency, $0).filter { $0.value != 0 }
        }
    }

    var transfers: [StripeTransfer] { stripe.objects() }

    /// A request of the administrator, who signs in for it: the clock may have moved beyond the lifetime of a token.
    func admin(_ method: String, _ path: String, _ json: JSONValue? = nil) async -> TestResponse {
        let session = await test.call(
            "POST", "/v1/auth/login",
            json: ["email": .string(administrator.email), "password": .string(administrator.password)])
        return await test.call(
            method, "/v1/admin/\(path)", json: json, token: session["access_token"]?.string ?? administrator.token)
    }

    func requireInvariants() async throws {
        let faults = try await Invariants.faults(in: database)
        #expect(faults == [])
    }

    /// Moves the clocks of the system and of the provider.
    func advance(by duration: Duration) { test.clock.advance(by: duration) }
}

func withPayouts(
    _ engine: Engine, _ settings: TestStripeServer.Settings = TestStripeServer.Settings(),
    databaseWrapper: @escaping @Sendable (any Database) -> any Database = { $0 },
    _ body: (PayoutFixture) async throws -> Void
) async throws {
    let clock = TestClock()
    let stripe = try await TestStripeServer.start(settings, now: { clock.now })
    try await withTestApp(
        engine, clock: clock, databaseWrapper: databaseWrapper,
        change: {
            $0.stripeSecretKey = stripe.secretKey
            $0.stripeWebhookSecrets = [stripe.webhookSecret]
            $0.stripeAPIBase = stripe.url
        }
    ) { test in
        let fixture = try await PayoutFixture(test, stripe)
        try await body(fixture)
        try await fixture.requireInvariants()
    }
    await stripe.stop()
}
