import App
import Base
import Modules
import Stripe
import Synchronization
import TestKit
import TestStripe
import Testing

@testable import Billing
@testable import Identity

/// The system with the double of the provider, a payer, and a purpose whose changes are recorded.
struct PaymentFixture: Sendable {
    let test: TestApp
    let stripe: TestStripeServer
    let payer: TestPerson
    let administrator: TestPerson
    let log: PaymentLog

    static let purpose = PaymentPurpose("test.order")
    static let path = "/v1/webhooks/stripe"

    var billing: BillingModule { test.app.billing }
    var database: any Database { test.app.database }

    init(_ test: TestApp, _ stripe: TestStripeServer) async throws {
        self.test = test
        self.stripe = stripe
        log = PaymentLog(of: test.app)
        payer = try await test.register("payer")
        administrator = try await test.administrator()
    }

    // MARK: Requests

    func create(_ order: String = "order-1", _ members: [String: JSONValue] = [:]) async -> TestResponse {
        await test.call(
            "POST", "/api/payments/create-intent", json: .object(members.merging(["event_id": .string(order)]) { $1 }),
            token: payer.token)
    }

    /// Begins a payment, has the customer pay, and has the provider's word applied.
    func pay(_ order: String = "order-1") async throws -> Payment {
        let created = await create(order)
        guard created.status == 200, let intent = created["payment_intent_id"]?.string else {
            throw UnexpectedResponse(created)
        }
        try stripe.pay(intent)
        try await deliver()
        return try #require(try await payment(intent))
    }

    func refund(_ payment: Payment, _ minor: Int64?, key: String = "key-1") async -> TestResponse {
        var body: [String: JSONValue] = ["reason": "a test"]
        body["amount_minor"] = minor.map { .integer($0) }
        return await test.call(
            "POST", "/v1/admin/payments/\(payment.id)/refunds", json: .object(body), token: administrator.token,
            headers: ["Idempotency-Key": key])
    }

    /// Makes a request four times at once. The first response of the provider is held back until the other requests
    /// look for it.
    /// - Parameters:
    ///   - path: of the provider's endpoint.
    ///   - writes: of the system's database.
    func atOnce<Answer: Sendable>(
        _ path: String, _ writes: CountingDatabase.Counter, _ request: @escaping @Sendable () async throws -> Answer
    ) async throws -> [Answer] {
        let hold = TestStripeHold()
        stripe.fail(.held(hold), path: path)
        return try await withThrowingTaskGroup { group in
            for _ in 0..<4 { group.addTask { try await request() } }
            #expect(try await eventually { hold.count == 1 })
            // Each look at the call is a write.
            let before = writes.writes
            #expect(try await eventually { writes.writes >= before + 6 })
            hold.release()
            return try await group.reduce(into: []) { $0.append($1) }
        }
    }

    func admin(_ method: String, _ path: String, _ json: JSONValue? = nil) async -> TestResponse {
        await test.call(method, "/v1/admin/\(path)", json: json, token: administrator.token)
    }

    /// The payer, as the gate hands it to a service.
    func scope() async throws -> Scope {
        let session: ID<Session> = try await database.read {
            guard let row = try $0.first("SELECT id FROM sessions WHERE person_id = \(payer.id)") else {
                throw Problem(.notFound)
            }
            return try row["id"]
        }
        return Scope(
            organisation: try #require(ID(payer.organisation)), person: payer.id, role: .user,
            credential: .session(session), impersonator: nil, requestID: "test", address: "192.0.2.1")
    }

    // MARK: Webhooks

    @discardableResult
    func send(_ webhook: TestStripeWebhook, to app: TestApp? = nil) async -> TestResponse {
        await (app ?? test).call(
            "POST", Self.path, body: ("application/json; charset=utf-8", webhook.body),
            headers: ["Stripe-Signature": webhook.signature])
    }

    /// Delivers the provider's events and has them applied.
    func deliver(_ plan: TestStripeDelivery = TestStripeDelivery()) async throws {
        for webhook in stripe.webhooks(plan) {
            let response = await send(webhook)
            guard response.status == 200, response["received"] == true else { throw UnexpectedResponse(response) }
        }
        try await test.runJobs()
    }

    // MARK: State

    func payment(_ providerID: String) async throws -> Payment? {
        try await database.read { try $0.payment(ofProviderID: providerID) }
    }

    func payments() async throws -> [Payment] {
        try await database.read { try $0.payments(of: Self.purpose, subject: "order-1", limit: 100) }
    }

    func calls(_ state: ProviderCall.State? = nil) async throws -> [ProviderCall] {
        try await database.read { transaction in
            try ProviderCall.State.allCases.filter { state == nil || $0 == state }.flatMap {
                try transaction.providerCalls(in: $0, limit: 100, offset: 0).rows
            }
        }
    }

    func events(_ state: ProviderEvent.State) async throws -> Int64 {
        try await database.read { try $0.providerEvents(in: state, limit: 1, offset: 0).total }
    }

    /// The balances of the payer's accounts and the platform's, without those of 0.
    func balances() async throws -> [MoneyAccount.Name: Int64] {
        let organisation: ID<Organisation> = try #require(ID(payer.organisation))
        let usd = try #require(Currency("usd"))
        return try await database.read { [billing] in
            let payer = try billing.money.balances(of: .organisation(organisation), in: usd, $0)
            let platform = try billing.money.balances(of: .platform, in: usd, $0)
            return payer.merging(platform) { $0 + $1 }.filter { $0.value != 0 }
        }
    }

    func requireInvariants() async throws {
        let faults = try await Invariants.faults(in: database)
        #expect(faults == [])
    }
}

/// The purpose of the tests: an order that the member `event_id` names, of 19.99 USD. Counts its committed changes.
final class PaymentLog: Sendable {
    private final class Counts: Sendable {
        private let counts = Mutex<[String: Int]>([:])

        func add(_ change: String) { counts.withLock { $0[change, default: 0] += 1 } }
        func count(_ change: String) -> Int { counts.withLock { $0[change] ?? 0 } }
    }

    private let changes = Counts()

    init(of app: App) {
        app.billing.payments.register(PaymentFixture.purpose, to: .held) { [changes] payment, transaction in
            transaction.afterCommit { changes.add("\(payment.id) \(payment.state.rawValue)") }
        }
        app.billing.refunds.onChange(of: PaymentFixture.purpose) { [changes] refund, _, transaction in
            transaction.afterCommit { changes.add("\(refund.id) \(refund.state.rawValue)") }
        }
        app.billing.payments.resolve { request, scope, _ in
            guard let order = request.eventId, let usd = Currency("usd") else { return nil }
            return NewPayment(
                organisation: scope.organisation, person: scope.person, purpose: PaymentFixture.purpose,
                subject: order, amount: Money(1_999, usd), description: "order \(order)")
        }
    }

    func count(_ payment: ID<Payment>, _ state: Payment.State) -> Int {
        changes.count("\(payment) \(state.rawValue)")
    }

    func count(_ refund: ID<Refund>, _ state: Refund.State) -> Int {
        changes.count("\(refund) \(state.rawValue)")
    }
}

func withPayments(
    _ engine: Engine, databaseWrapper: @escaping @Sendable (any Database) -> any Database = { $0 },
    change: (inout Configuration) -> Void = { _ in }, _ body: (PaymentFixture) async throws -> Void
) async throws {
    let clock = TestClock()
    let stripe = try await TestStripeServer.start(now: { clock.now })
    try await withTestApp(
        engine, clock: clock, databaseWrapper: databaseWrapper,
        change: {
            $0.stripeSecretKey = stripe.secretKey
            $0.stripeWebhookSecrets = [stripe.webhookSecret]
            $0.stripePublishableKey = "pk_test_double"
            $0.stripeAPIBase = stripe.url
            // The clock moves by days between requests.
            $0.accessTokenLifetime = .days(365)
            change(&$0)
        }
    ) { test in
        let fixture = try await PaymentFixture(test, stripe)
        try await body(fixture)
        try await fixture.requireInvariants()
    }
    await stripe.stop()
}
