import App
import Billing
import HTTPTypes
import Identity
import Modules
import Synchronization
import TestStripe

/// One of the receivers of the proof of webhooks: the system on the shared database, with a job runner of its own.
struct WebhookReceiver {
    static let purpose = PaymentPurpose("proof.order")

    let app: App

    init(folder: String, database: String, _ stripe: TestStripeServer, _ clock: OffsetClock, _ log: TransitionLog)
        async throws
    {
        var configuration = Configuration()
        configuration.dataFolder = folder
        configuration.databaseURL = database
        configuration.bcryptRounds = 4
        configuration.poolSize = 12
        configuration.poolOverflow = 0
        configuration.poolTimeout = .seconds(60)
        configuration.logLevel = .critical
        configuration.limitsRates = false
        configuration.stripeSecretKey = stripe.secretKey
        configuration.stripeWebhookSecrets = [stripe.webhookSecret]
        configuration.stripeAPIBase = stripe.url
        app = try await buildApp(
            configuration,
            in: AppDependencies(
                runtime: Runtime(now: { clock.now }, randomBytes: Runtime.system.randomBytes), clock: { clock.now }))
        app.billing.payments.register(Self.purpose, to: .revenue) { payment, transaction in
            transaction.afterCommit { log.add(payment.id.text, payment.state.rawValue) }
        }
        app.billing.refunds.onChange(of: Self.purpose) { refund, _, transaction in
            transaction.afterCommit { log.add(refund.id.text, refund.state.rawValue) }
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

/// The committed changes of payments and refunds, by id, in their order.
final class TransitionLog: Sendable {
    private let changes = Mutex<[String: [String]]>([:])

    func add(_ id: String, _ state: String) { changes.withLock { $0[id, default: []].append(state) } }

    /// The changes that follow a final state, and final states that were announced twice.
    var faults: [String] {
        changes.withLock { changes in
            changes.flatMap { id, states -> [String] in
                var faults: [String] = []
                for (index, state) in states.enumerated() where ["succeeded", "canceled", "failed"].contains(state) {
                    let isReturned = state == "succeeded" && states[(index + 1)...] == ["failed"]
                    if index < states.count - 1, !isReturned { faults.append("\(id) moved on from \(states)") }
                }
                return faults
            }
        }
    }
}
