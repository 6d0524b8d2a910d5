/// A value of a set that Stripe extends, such as the status of a payment.
package struct StripeState<Known: RawRepresentable<String> & Sendable & Hashable>: Sendable, Hashable {
    /// As Stripe writes it.
    package let text: String
    /// Nil for a value that this version of Gatehouse does not know.
    package let known: Known?

    package init(_ text: String) {
        self.text = text
        known = Known(rawValue: text)
    }

    package init(_ known: Known) { self.init(known.rawValue) }

    package static func == (state: Self, known: Known) -> Bool { state.known == known }
    package static func != (state: Self, known: Known) -> Bool { state.known != known }
}

extension Optional {
    package static func == <Known>(state: Self, known: Known) -> Bool where Wrapped == StripeState<Known> {
        state?.known == known
    }

    package static func != <Known>(state: Self, known: Known) -> Bool where Wrapped == StripeState<Known> {
        state?.known != known
    }
}
