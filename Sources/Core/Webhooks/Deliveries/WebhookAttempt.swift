import Modules

/// The outcome of one request to an endpoint.
struct WebhookAttempt: Sendable {
    /// Nil where there was no response.
    var status: Int?
    /// Nil for a success.
    var error: String?
    /// The beginning of a response that is no success, as readable text.
    var response: String?
    /// How long the endpoint asks to wait.
    var retryAfter: Duration?
    var duration: Duration

    /// The endpoint wants no more events.
    var isGone: Bool { status == 410 }
}
