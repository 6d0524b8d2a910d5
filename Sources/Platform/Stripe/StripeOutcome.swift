package import Base

/// What is known after a request to Stripe.
package enum StripeOutcome: Sendable {
    /// Stripe has done it; the object of the response.
    case done(JSONValue)
    /// Stripe has not done it and will not: a definite refusal, also of a repetition with the same key.
    case refused(StripeRefusal)
    /// Stripe may have done it, now or at an earlier attempt. The same request with the same key tells, as long as
    /// Stripe keeps the key. `reason` contains no secret.
    case unknown(reason: String)
}
