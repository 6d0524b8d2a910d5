extension StripeRequest {
    /// Stripe keeps events for 30 days.
    package static func event(_ id: String) -> StripeRequest {
        StripeRequest(.get, "/v1/events/\(segment(id))")
    }

    /// - Parameter types: up to 20; empty for all.
    package static func events(
        types: [String] = [], created: StripeTimeRange? = nil, page: StripePage = StripePage()
    ) -> StripeRequest {
        StripeRequest(.get, "/v1/events") {
            $0.set("types", types)
            $0.set(created)
            $0.set(page)
        }
    }
}
