import Modules
import Outbound
import Secrets

/// A signed event, ready to be sent.
struct WebhookMessage: Sendable {
    let url: UserURL
    let body: [UInt8]
    let headers: [(name: String, value: String)]

    /// - Parameters:
    ///   - secrets: the current one first.
    ///   - time: of this attempt, which the signature includes.
    init(_ event: WebhookEvent, to url: UserURL, signedWith secrets: [StandardWebhookSecret], at time: Instant) {
        self.url = url
        body = Array(event.body.utf8)
        headers = [
            ("Content-Type", "application/json"),
            ("User-Agent", "Gatehouse-Webhooks"),
            (StandardWebhookSignature.idField, event.id.text),
            (StandardWebhookSignature.timestampField, String(time.seconds)),
            (
                StandardWebhookSignature.signatureField,
                StandardWebhookSignature.text(of: body, id: event.id.text, at: time, with: secrets)
            ),
        ]
    }
}
