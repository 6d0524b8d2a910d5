package import Base

extension StripeRequest {
    /// - Parameters:
    ///   - paymentMethod: confirmed at once where `confirms` is true; nil where the customer chooses one on the page.
    ///   - isOffSession: whether the customer is absent and cannot authenticate.
    ///   - isCapturedLater: the amount is only reserved, and taken by ``capturePaymentIntent(_:amount:)``.
    ///   - savesPaymentMethod: for later payments without the customer.
    ///   - transferGroup: connects the payment with the transfers that it pays for.
    package static func createPaymentIntent(
        amount: Money, customer: String? = nil, description: String? = nil, paymentMethod: String? = nil,
        confirms: Bool = false, isOffSession: Bool = false, isCapturedLater: Bool = false,
        savesPaymentMethod: Bool = false, receiptEmail: String? = nil, transferGroup: String? = nil,
        returnURL: String? = nil, metadata: [String: String] = [:]
    ) -> StripeRequest {
        StripeRequest(.post, "/v1/payment_intents") {
            $0.set(amount)
            $0.set("customer", customer)
            $0.set("description", description)
            $0.set("automatic_payment_methods[enabled]", true)
            // A method that redirects needs a page to return to.
            if confirms && returnURL == nil { $0.set("automatic_payment_methods[allow_redirects]", "never") }
            $0.set("payment_method", paymentMethod)
            if confirms { $0.set("confirm", true) }
            if isOffSession { $0.set("off_session", true) }
            if isCapturedLater { $0.set("capture_method", "manual") }
            if savesPaymentMethod { $0.set("setup_future_usage", "off_session") }
            $0.set("receipt_email", receiptEmail)
            $0.set("transfer_group", transferGroup)
            $0.set("return_url", returnURL)
            $0.set("metadata", metadata)
        }
    }

    package static func confirmPaymentIntent(
        _ id: String, paymentMethod: String? = nil, isOffSession: Bool = false, returnURL: String? = nil
    ) -> StripeRequest {
        StripeRequest(.post, "/v1/payment_intents/\(segment(id))/confirm") {
            $0.set("payment_method", paymentMethod)
            if isOffSession { $0.set("off_session", true) }
            $0.set("return_url", returnURL)
        }
    }

    /// - Parameter amount: nil for all of it. The rest is released.
    package static func capturePaymentIntent(_ id: String, amount: Money? = nil) -> StripeRequest {
        StripeRequest(.post, "/v1/payment_intents/\(segment(id))/capture") {
            $0.set("amount_to_capture", amount.map(StripeAmount.units))
        }
    }

    package static func cancelPaymentIntent(_ id: String, reason: StripePaymentIntent.CancellationReason? = nil)
        -> StripeRequest
    {
        StripeRequest(.post, "/v1/payment_intents/\(segment(id))/cancel") {
            $0.set("cancellation_reason", reason?.rawValue)
        }
    }

    package static func paymentIntent(_ id: String) -> StripeRequest {
        StripeRequest(.get, "/v1/payment_intents/\(segment(id))")
    }

    package static func paymentIntents(
        customer: String? = nil, created: StripeTimeRange? = nil, page: StripePage = StripePage()
    ) -> StripeRequest {
        StripeRequest(.get, "/v1/payment_intents") {
            $0.set("customer", customer)
            $0.set(created)
            $0.set(page)
        }
    }
}
