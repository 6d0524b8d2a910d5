/// Whether a key of Stripe's API moves money.
package enum StripeKeyMode: String, Sendable, Hashable {
    case test, live

    /// - Parameter key: a secret key (`sk_…`), a restricted key (`rk_…`) or a publishable key (`pk_…`).
    /// - Returns: nil for another text.
    package init?(key: String) {
        let parts = key.split(separator: "_", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, ["sk", "rk", "pk"].contains(parts[0]), !parts[2].isEmpty,
            let mode = StripeKeyMode(rawValue: String(parts[1]))
        else { return nil }
        self = mode
    }
}
