package import Base

extension StripeRequest {
    /// A hosted page on which a customer starts a subscription.
    /// - Parameters:
    ///   - successURL: may contain `{CHECKOUT_SESSION_ID}`.
    ///   - reference: `client_reference_id`, up to 200 characters.
    ///   - trialEnd: at least 48 hours from now; nil for no trial.
    ///   - metadata: of the session and of the subscription.
    package static func createSubscriptionCheckout(
        customer: String, price: String, quantity: Int64 = 1, successURL: String, cancelURL: String?,
        reference: String? = nil, coupon: String? = nil, taxRates: [String] = [], trialEnd: Instant? = nil,
        expiresAt: Instant? = nil, locale: String? = nil, metadata: [String: String] = [:]
    ) -> StripeRequest {
        StripeRequest(.post, "/v1/checkout/sessions") {
            $0.set("mode", "subscription")
            $0.set("customer", customer)
            $0.set("line_items[0][price]", price)
            $0.set("line_items[0][quantity]", quantity)
            $0.set("success_url", successURL)
            $0.set("cancel_url", cancelURL)
            $0.set("client_reference_id", reference)
            $0.set("discounts[0][coupon]", coupon)
            $0.set("subscription_data[default_tax_rates]", taxRates)
            $0.set("subscription_data[trial_end]", trialEnd)
            $0.set("subscription_data[metadata]", metadata)
            $0.set("expires_at", expiresAt)
            $0.set("locale", locale)
            $0.set("metadata", metadata)
        }
    }

    /// A hosted page on which a customer pays once.
    /// - Parameter metadata: of the session and of the payment intent.
    package static func createPaymentCheckout(
        customer: String, amount: Money, name: String, successURL: String, cancelURL: String?,
        reference: String? = nil, transferGroup: String? = nil, expiresAt: Instant? = nil, locale: String? = nil,
        metadata: [String: String] = [:]
    ) -> StripeRequest {
        StripeRequest(.post, "/v1/checkout/sessions") {
            $0.set("mode", "payment")
            $0.set("customer", customer)
            $0.set("line_items[0][price_data][unit_amount]", StripeAmount.units(of: amount))
            $0.set("line_items[0][price_data][currency]", amount.currency.code)
            $0.set("line_items[0][price_data][product_data][name]", name)
            $0.set("line_items[0][quantity]", Int64(1))
            $0.set("success_url", successURL)
            $0.set("cancel_url", cancelURL)
            $0.set("client_reference_id", reference)
            $0.set("payment_intent_data[transfer_group]", transferGroup)
            $0.set("payment_intent_data[metadata]", metadata)
            $0.set("expires_at", expiresAt)
            $0.set("locale", locale)
            $0.set("metadata", metadata)
        }
    }

    package static func checkoutSession(_ id: String) -> StripeRequest {
        StripeRequest(.get, "/v1/checkout/sessions/\(segment(id))")
    }

    /// Ends an open session, so that it cannot be paid any more.
    package static func expireCheckoutSession(_ id: String) -> StripeRequest {
        StripeRequest(.post, "/v1/checkout/sessions/\(segment(id))/expire")
    }

    /// Checkout sessions of a payment intent, a subscription or a customer.
    package static func checkoutSessions(
        customer: String? = nil, paymentIntent: String? = nil, subscription: String? = nil,
        page: StripePage = StripePage()
    ) -> StripeRequest {
        StripeRequest(.get, "/v1/checkout/sessions") {
            $0.set("customer", customer)
            $0.set("payment_intent", paymentIntent)
            $0.set("subscription", subscription)
            $0.set(page)
        }
    }

    /// A page on which customers manage their payment methods, subscriptions and invoices.
    package static func createPortalSession(customer: String, returnURL: String, locale: String? = nil)
        -> StripeRequest
    {
        StripeRequest(.post, "/v1/billing_portal/sessions") {
            $0.set("customer", customer)
            $0.set("return_url", returnURL)
            $0.set("locale", locale)
        }
    }
}
