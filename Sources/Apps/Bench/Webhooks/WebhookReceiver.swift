import App
import Billing
import HTTPTypes
import Identity
import Modules
import TestStripe

/// One of the receivers of the proof of webhooks: the system on the shared database, with a job runner of its own.
struct WebhookReceiver {
    static let purpose = PaymentPurpose("proof.order")

    let app: App

    init(folder: String, database: String, _ stripe: TestStripeServer, _ clock: OffsetClock) async throws {
        var configuration = Configuration()
        configuration.dataFolder = folder
        configuration.databaseURL = database
        configuration.bcryptRounds = 4
        configuration.poolSize = 12
        configuration.poolOverflow = 0
        configuration.poolTimeout = .seconds(60)
        configuration.logLevel = .critical
        configuration.limitsRates = false
        BenchProvider(stripe).configure(&configuration)
        app = try await buildApp(
            configuration,
            in: AppDependencies(
                runtime: Runtime(now: { clock.now }, randomBytes: Runtime.system.randomBytes), clock: { clock.now }))
        app.billing.payments.register(Self.purpose, to: .revenue) { payment, transaction in
            try transaction.note(payment.state.rawValue, of: payment.id.text)
        }
        app.billing.refunds.onChange(of: Self.purpose) { refund, _, transaction in
            try transaction.note(refund.state.rawValue, of: refund.id.text)
        }
    }

    /// - Returns: whether the delivery was accepted.
    func accept(_ webhook: TestStripeWebhook) async -> Bool {
        var head = HTTPRequest(
            method: .post, scheme: "http", authority: "localhost", path: "/v1/webhooks/stripe",
            headerFields: [.contentType: "application/json"])
        if let signature = HTTPField.Name("Stripe-Signature") { head.headerFields[signature] = webhook.signature }
        let response = await app.dispatcher.respond(
            to: head, body: RequestBody(bytes: webhook.body), address: "192.0.2.1")
        return response.status == .ok
    }
}
