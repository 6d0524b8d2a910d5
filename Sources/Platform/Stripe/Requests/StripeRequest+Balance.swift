extension StripeRequest {
    package static func balance(of account: String? = nil) -> StripeRequest {
        StripeRequest(.get, "/v1/balance").acting(for: account)
    }

    package static func balanceTransaction(_ id: String) -> StripeRequest {
        StripeRequest(.get, "/v1/balance_transactions/\(segment(id))")
    }

    /// - Parameters:
    ///   - type: such as `charge`, `refund`, `transfer`.
    ///   - source: the id of the object that caused them.
    package static func balanceTransactions(
        created: StripeTimeRange? = nil, type: String? = nil, source: String? = nil, currency: String? = nil,
        page: StripePage = StripePage()
    ) -> StripeRequest {
        StripeRequest(.get, "/v1/balance_transactions") {
            $0.set(created)
            $0.set("type", type)
            $0.set("source", source)
            $0.set("currency", currency)
            $0.set(page)
        }
    }
}
