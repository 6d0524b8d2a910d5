extension StripeRequest {
    package static func createCustomer(
        email: String?, name: String? = nil, paymentMethod: String? = nil, metadata: [String: String] = [:]
    ) -> StripeRequest {
        StripeRequest(.post, "/v1/customers") {
            $0.set("email", email)
            $0.set("name", name)
            $0.set("payment_method", paymentMethod)
            $0.set("metadata", metadata)
        }
    }

    /// Changes the members that are not nil; an empty text removes one.
    package static func updateCustomer(
        _ id: String, email: String? = nil, name: String? = nil, defaultPaymentMethod: String? = nil,
        metadata: [String: String] = [:]
    ) -> StripeRequest {
        StripeRequest(.post, "/v1/customers/\(segment(id))") {
            $0.set("email", email)
            $0.set("name", name)
            $0.set("invoice_settings[default_payment_method]", defaultPaymentMethod)
            $0.set("metadata", metadata)
        }
    }

    package static func customer(_ id: String) -> StripeRequest {
        StripeRequest(.get, "/v1/customers/\(segment(id))")
    }

    /// Deletes the customer's personal data and cancels their subscriptions.
    package static func deleteCustomer(_ id: String) -> StripeRequest {
        StripeRequest(.delete, "/v1/customers/\(segment(id))")
    }

    package static func customers(email: String? = nil, page: StripePage = StripePage()) -> StripeRequest {
        StripeRequest(.get, "/v1/customers") {
            $0.set("email", email)
            $0.set(page)
        }
    }
}
