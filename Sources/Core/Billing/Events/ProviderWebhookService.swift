import Modules
import Stripe

/// Accepts the provider's webhooks: verified, stored, and answered before anything is applied.
final class ProviderWebhookService: Sendable {
    private let events: ProviderEventService
    private let settings: BillingSettings
    private let logger: Logger
    private let runtime: Runtime

    init(events: ProviderEventService, settings: BillingSettings, logger: Logger, runtime: Runtime) {
        self.events = events
        self.settings = settings
        self.logger = logger
        self.runtime = runtime
    }

    /// - Throws: `webhook-refused` unless it is signed; `invalid-payload` for what is no event.
    func accept(_ delivery: ProviderWebhook.Delivery) async throws(Problem) -> ProviderWebhookReceipt {
        try verify(delivery)
        let value: JSONValue
        do throws(JSONFault) { value = try JSONValue(parsing: delivery.bytes) } catch {
            throw Problem(.invalidPayload, title: "Invalid payload", detail: "Invalid payload")
        }
        try await events.receive(value, by: .webhook)
        return ProviderWebhookReceipt(received: true)
    }

    private func verify(_ delivery: ProviderWebhook.Delivery) throws(Problem) {
        guard !settings.webhookSecrets.isEmpty else {
            guard !settings.isProduction else {
                throw Self.refusal("Stripe webhook secret is not configured in production")
            }
            guard delivery.isLocal else {
                throw Self.refusal("Unsigned webhooks are accepted from this machine only")
            }
            logger.warning("A webhook was accepted without a signature: STRIPE_WEBHOOK_SECRET is not set.")
            return
        }
        guard let signature = delivery.signature else { throw Self.refusal("Missing Stripe-Signature header") }
        do throws(StripeSignature.Failure) {
            try StripeSignature.verify(
                signature, of: delivery.bytes, secrets: settings.webhookSecrets, at: runtime.now())
        } catch {
            throw Self.refusal("Invalid Stripe webhook signature")
        }
    }

    private static func refusal(_ sentence: String) -> Problem {
        Problem(.webhookRefused, title: sentence, detail: sentence)
    }
}
