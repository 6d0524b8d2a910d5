/// There is no object to read. It contains no secret.
package enum StripeFetchFailure: Error, Sendable, Hashable, CustomStringConvertible {
    case refused(StripeRefusal)
    /// No response that can be used, also after repetitions.
    case unavailable(reason: String)
    /// The response is not the object that was asked for.
    case unreadable(StripeObjectFault)

    /// There is no object with this id.
    package var isMissing: Bool { if case .refused(let refusal) = self { refusal.isMissing } else { false } }

    package var description: String {
        switch self {
        case .refused(let refusal): "\(refusal)"
        case .unavailable(let reason): "Stripe cannot be read: \(reason)"
        case .unreadable(let fault): "\(fault)"
        }
    }
}
