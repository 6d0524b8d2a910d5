import Modules
import Outbound

/// Sends signed events to the endpoints of organisations. Redirects are not followed.
struct WebhookSender: Sendable {
    private let client: UserURLClient
    private let runtime: Runtime

    /// From the look-up of the name to the last byte of the response.
    static let timeout = Duration.seconds(15)
    /// A longer response is no success: nothing reads it.
    static let responseBytesMax = 1 << 20

    init(client: UserURLClient, runtime: Runtime) {
        self.client = client
        self.runtime = runtime
    }

    func send(_ message: WebhookMessage) async -> WebhookAttempt {
        let clock = ContinuousClock()
        let start = clock.now
        let request = UserURLRequest(
            "POST", message.url, headers: message.headers, body: message.body, timeout: Self.timeout,
            responseBytesMax: Self.responseBytesMax, redirectsMax: 0)
        do {
            let response = try await client.send(request)
            guard !(200...299).contains(response.status) else {
                return WebhookAttempt(status: response.status, duration: clock.now - start)
            }
            return WebhookAttempt(
                status: response.status, error: Self.sentence(of: response.status),
                response: Self.excerpt(of: response.body),
                retryAfter: response[header: "Retry-After"].flatMap { RetryAfter.wait($0, at: runtime.now()) },
                duration: clock.now - start)
        } catch {
            return WebhookAttempt(error: error.description, duration: clock.now - start)
        }
    }

    /// The beginning of a response as readable text; nil where there is none.
    private static func excerpt(of body: [UInt8]) -> String? {
        let text = String(decoding: body.prefix(4 * WebhookDelivery.responseMax), as: UTF8.self).unicodeScalars
            .filter { $0 == "\n" || $0.properties.generalCategory != .control }
        return text.isEmpty ? nil : String(String.UnicodeScalarView(text.prefix(WebhookDelivery.responseMax)))
    }

    private static func sentence(of status: Int) -> String {
        switch status {
        case 300...399: "The endpoint answered with a redirect (\(status)), which is not followed."
        case 410: "The endpoint answered that it is gone (410)."
        default: "The endpoint answered with the status \(status)."
        }
    }
}
