import Modules
import NIOCore
import Outbound

/// Sends signed events to the endpoints of organisations. Redirects are not followed.
struct WebhookSender: Sendable {
    private let client: OutboundClient
    private let runtime: Runtime

    /// From the look-up of the name to the head of the response.
    static let timeout = Duration.seconds(15)
    /// Bytes of a response that are read, where it is no success.
    private static let responseBytesMax = 4 << 10

    init(client: OutboundClient, runtime: Runtime) {
        self.client = client
        self.runtime = runtime
    }

    func send(_ message: WebhookMessage) async -> WebhookAttempt {
        let clock = ContinuousClock()
        let start = clock.now
        let request = OutboundRequest(
            "POST", message.url.text, headers: message.headers, body: .bytes(message.body), timeout: Self.timeout)
        do {
            let response = try await client.open(request)
            // The body of a success has no meaning: it is not read.
            guard !(200...299).contains(response.status) else {
                return WebhookAttempt(status: response.status, duration: clock.now - start)
            }
            let text = await excerpt(of: response, until: start + Self.timeout)
            return WebhookAttempt(
                status: response.status, error: Self.sentence(of: response.status), response: text,
                retryAfter: response.headers.first { $0.name.lowercased() == "retry-after" }
                    .flatMap { RetryAfter.wait($0.value, at: runtime.now()) },
                duration: clock.now - start)
        } catch {
            return WebhookAttempt(error: Self.sentence(of: error), duration: clock.now - start)
        }
    }

    private func excerpt(of response: OutboundStream, until deadline: ContinuousClock.Instant) async -> String? {
        var bytes: [UInt8] = []
        try? await response.read { chunk in
            bytes += chunk.readableBytesView.prefix(Self.responseBytesMax - bytes.count)
            return bytes.count < Self.responseBytesMax && ContinuousClock.now < deadline
        }
        let text = String(decoding: bytes, as: UTF8.self).unicodeScalars.filter {
            $0 == "\n" || $0.properties.generalCategory != .control
        }
        return text.isEmpty ? nil : String(String.UnicodeScalarView(text.prefix(WebhookDelivery.responseMax)))
    }

    private static func sentence(of status: Int) -> String {
        switch status {
        case 300...399: "The endpoint answered with a redirect (\(status)), which is not followed."
        case 410: "The endpoint answered that it is gone (410)."
        default: "The endpoint answered with the status \(status)."
        }
    }

    /// The causes of failures can name internal addresses: the kind alone is told.
    private static func sentence(of failure: OutboundFailure) -> String {
        switch failure.kind {
        case .unreachable: "The endpoint could not be reached."
        case .timedOut: "The endpoint did not answer within \(timeout.components.seconds) seconds."
        case .tooLarge, .broken: "The connection to the endpoint broke."
        case .cancelled: "The attempt was interrupted."
        }
    }
}
