import Base
import Outbound
import Stripe
import TestKit
import TestStripe
import Testing

/// A client and the server that it sends to.
struct StripeFixture {
    let server: TestStripeServer
    let client: StripeClient
    let clock = TestClock()
    private let keys = Counter()

    init(_ settings: TestStripeServer.Settings = .init()) async throws {
        let clock = clock
        server = try await TestStripeServer.start(settings, now: { clock.now })
        client = Self.client(server.url, key: server.secretKey)
    }

    static func client(_ url: String, key: String, timeout: Duration = .seconds(30)) -> StripeClient {
        StripeClient(
            settings: StripeSettings(base: url, secretKey: key, timeout: timeout), outbound: OutboundClient(),
            pause: { _ in })
    }

    /// Sends a request with a key of its own, and reads the object of the response.
    func make<Object: StripeObject>(_ request: StripeRequest, as _: Object.Type = Object.self) async throws -> Object {
        try Object(try await value(of: request))
    }

    /// Sends a request with a key of its own.
    func value(of request: StripeRequest) async throws -> JSONValue {
        switch await client.send(request, key: "key-\(keys.next())") {
        case .done(let value): return value
        case .refused(let refusal): throw refusal
        case .unknown(let reason): throw Unknown(reason: reason)
        }
    }

    /// Sends a request that is refused.
    func refusal(of request: StripeRequest, sourceLocation: SourceLocation = #_sourceLocation) async throws
        -> StripeRefusal
    {
        let outcome = await client.send(request, key: "key-\(keys.next())")
        guard case .refused(let refusal) = outcome else {
            Issue.record("not refused: \(outcome)", sourceLocation: sourceLocation)
            throw Unknown(reason: "\(outcome)")
        }
        return refusal
    }

    struct Unknown: Error {
        let reason: String
    }

    // MARK: What most tests need

    func customer(with method: String? = nil) async throws -> StripeCustomer {
        try await make(.createCustomer(email: "ada@example.com", name: "Ada", paymentMethod: method))
    }

    /// A monthly price.
    func price(_ units: Int64 = 2_000, _ interval: StripePrice.Interval = .month) async throws -> StripePrice {
        let product: StripeProduct = try await make(.createProduct(name: "Plan"))
        return try await make(
            .createPrice(product: product.id, amount: usd(units), recurring: .init(interval)))
    }

    /// A subscription whose payment method is the customer's.
    func subscription(
        _ price: StripePrice, of customer: StripeCustomer, method: String? = "pm_card_visa", trialEnd: Instant? = nil,
        pauses: Bool = false
    ) async throws -> StripeSubscription {
        try await make(
            .createSubscription(
                customer: customer.id, price: price.id, paymentMethod: method, behavior: .allowIncomplete,
                trialEnd: trialEnd, pausesWithoutPaymentMethod: pauses))
    }

    func payment(_ units: Int64 = 10_000, transferGroup: String? = nil) async throws -> StripePaymentIntent {
        try await make(
            .createPaymentIntent(
                amount: usd(units), paymentMethod: "pm_card_visa", confirms: true, transferGroup: transferGroup))
    }

    func current(_ subscription: StripeSubscription) async throws -> StripeSubscription {
        try await client.fetch(.subscription(subscription.id))
    }
}

func usd(_ units: Int64) -> Money { Money(units, Currency("usd")!) }
