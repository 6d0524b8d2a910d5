extension StripeRequest {
    package static func paymentMethod(_ id: String) -> StripeRequest {
        StripeRequest(.get, "/v1/payment_methods/\(segment(id))")
    }

    package static func paymentMethods(customer: String, type: String? = nil, page: StripePage = StripePage())
        -> StripeRequest
    {
        StripeRequest(.get, "/v1/payment_methods") {
            $0.set("customer", customer)
            $0.set("type", type)
            $0.set(page)
        }
    }

    package static func attachPaymentMethod(_ id: String, to customer: String) -> StripeRequest {
        StripeRequest(.post, "/v1/payment_methods/\(segment(id))/attach") { $0.set("customer", customer) }
    }

    /// It cannot be attached again.
    package static func detachPaymentMethod(_ id: String) -> StripeRequest {
        StripeRequest(.post, "/v1/payment_methods/\(segment(id))/detach")
    }

    /// Prepares a payment method for later payments without the customer.
    package static func createSetupIntent(customer: String, metadata: [String: String] = [:]) -> StripeRequest {
        StripeRequest(.post, "/v1/setup_intents") {
            $0.set("customer", customer)
            $0.set("usage", "off_session")
            $0.set("automatic_payment_methods[enabled]", true)
            $0.set("metadata", metadata)
        }
    }

    package static func setupIntent(_ id: String) -> StripeRequest {
        StripeRequest(.get, "/v1/setup_intents/\(segment(id))")
    }

    package static func confirmSetupIntent(_ id: String, paymentMethod: String, returnURL: String? = nil)
        -> StripeRequest
    {
        StripeRequest(.post, "/v1/setup_intents/\(segment(id))/confirm") {
            $0.set("payment_method", paymentMethod)
            $0.set("return_url", returnURL)
        }
    }

    package static func cancelSetupIntent(_ id: String) -> StripeRequest {
        StripeRequest(.post, "/v1/setup_intents/\(segment(id))/cancel")
    }
}
