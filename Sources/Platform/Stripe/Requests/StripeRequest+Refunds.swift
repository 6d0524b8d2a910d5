package import Base

extension StripeRequest {
    /// - Parameter amount: nil for all that is not refunded yet.
    package static func createRefund(
        paymentIntent: String, amount: Money? = nil, reason: StripeRefund.Reason? = nil,
        metadata: [String: String] = [:]
    ) -> StripeRequest {
        StripeRequest(.post, "/v1/refunds") {
            $0.set("payment_intent", paymentIntent)
            $0.set("amount", amount.map(StripeAmount.units))
            $0.set("reason", reason?.rawValue)
            $0.set("metadata", metadata)
        }
    }

    package static func refund(_ id: String) -> StripeRequest {
        StripeRequest(.get, "/v1/refunds/\(segment(id))")
    }

    package static func refunds(
        paymentIntent: String? = nil, charge: String? = nil, created: StripeTimeRange? = nil,
        page: StripePage = StripePage()
    ) -> StripeRequest {
        StripeRequest(.get, "/v1/refunds") {
            $0.set("payment_intent", paymentIntent)
            $0.set("charge", charge)
            $0.set(created)
            $0.set(page)
        }
    }

    package static func charge(_ id: String) -> StripeRequest {
        StripeRequest(.get, "/v1/charges/\(segment(id))")
    }

    package static func charges(
        customer: String? = nil, paymentIntent: String? = nil, transferGroup: String? = nil,
        created: StripeTimeRange? = nil, page: StripePage = StripePage()
    ) -> StripeRequest {
        StripeRequest(.get, "/v1/charges") {
            $0.set("customer", customer)
            $0.set("payment_intent", paymentIntent)
            $0.set("transfer_group", transferGroup)
            $0.set(created)
            $0.set(page)
        }
    }

    package static func dispute(_ id: String) -> StripeRequest {
        StripeRequest(.get, "/v1/disputes/\(segment(id))")
    }

    package static func disputes(
        paymentIntent: String? = nil, charge: String? = nil, created: StripeTimeRange? = nil,
        page: StripePage = StripePage()
    ) -> StripeRequest {
        StripeRequest(.get, "/v1/disputes") {
            $0.set("payment_intent", paymentIntent)
            $0.set("charge", charge)
            $0.set(created)
            $0.set(page)
        }
    }

    /// Accepts a dispute: it is lost.
    package static func closeDispute(_ id: String) -> StripeRequest {
        StripeRequest(.post, "/v1/disputes/\(segment(id))/close")
    }
}
