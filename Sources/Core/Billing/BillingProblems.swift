package import Modules

extension Problem.Kind {
    /// The provider did not answer in time, or answered with an error of its own. What was begun continues.
    package static let providerUnavailable = Self(
        "provider-unavailable", "The payment provider is not available. Please try again shortly.", status: 503)
    /// A definite refusal by the provider, such as a declined card.
    package static let paymentRefused = Self("payment-refused", "The payment was refused", status: 402)
    package static let paymentInProgress = Self(
        "payment-in-progress", "A payment for this is in progress", status: 409)
    package static let amountMismatch = Self("amount-mismatch", "The amount is not the one to be paid", status: 409)
    package static let refundTooHigh = Self("refund-too-high", "More than was paid cannot be refunded", status: 409)
    package static let refundState = Self("refund-state", "The refund is not in a state for this", status: 409)
    package static let paymentState = Self("payment-state", "The payment is not in a state for this", status: 409)
}

extension Problem.Kind {
    package static let providerCallState = Self(
        "provider-call-state", "Only a call whose outcome is not known can be resolved", status: 409)
}

extension Problem.Kind {
    package static let webhookRefused = Self(
        "webhook-refused", "The webhook is not signed as it has to be", status: 403)
    package static let providerEventState = Self(
        "provider-event-state", "Only an event that could not be applied can be applied again", status: 409)
}
