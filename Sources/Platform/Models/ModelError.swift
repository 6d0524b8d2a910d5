/// A model gave no answer. No part of the error contains a key.
package struct ModelError: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Kind: Sendable, Hashable {
        /// Too many requests or tokens; ``ModelError/retryAfter`` tells when to try again.
        case rateLimited
        /// The service failed or has no capacity.
        case overloaded
        /// The key is unknown, or may not use this model.
        case unauthorized
        /// The service does not accept the request.
        case refused
        /// The response is not the one of the API, or longer than its bound.
        case malformed
        /// No connection.
        case unreachable
        case timedOut
        /// The connection broke, or the answer ended in the middle.
        case interrupted
        case cancelled
    }

    package let kind: Kind
    /// The status of the response; nil without one.
    package let status: Int?
    /// What the service says, one line; or what is wrong.
    package let message: String
    /// What the service asks for.
    package let retryAfter: Duration?
    /// The tokens that the service had counted when an answer broke off; nil where it had not.
    package var usage: ModelUsage?
    /// Whether another attempt may succeed: of an answer of which nothing was handed on.
    var isRepeatable: Bool

    package init(
        _ kind: Kind, _ message: String, status: Int? = nil, retryAfter: Duration? = nil, usage: ModelUsage? = nil,
        isRepeatable: Bool = false
    ) {
        self.kind = kind
        self.message = message
        self.status = status
        self.retryAfter = retryAfter
        self.usage = usage
        self.isRepeatable = isRepeatable
    }

    package var description: String { status.map { "the model's service answered \($0): \(message)" } ?? message }
}
