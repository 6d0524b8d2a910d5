package import Base

extension StripeRequest {
    /// - Parameters:
    ///   - paymentMethod: nil for the customer's default.
    ///   - behavior: what happens where the first payment fails or needs the customer; `defaultIncomplete` makes the
    ///     subscription `incomplete`, and its first invoice payable on the page by its `clientSecret`.
    ///   - trialEnd: nil for no trial.
    ///   - pausesWithoutPaymentMethod: whether a trial that ends without a payment method pauses the subscription;
    ///     else it makes an invoice.
    package static func createSubscription(
        customer: String, price: String, quantity: Int64 = 1, paymentMethod: String? = nil,
        behavior: StripeSubscription.PaymentBehavior = .defaultIncomplete, coupon: String? = nil,
        taxRates: [String] = [], trialEnd: Instant? = nil, pausesWithoutPaymentMethod: Bool = false,
        isOffSession: Bool = false, metadata: [String: String] = [:]
    ) -> StripeRequest {
        StripeRequest(.post, "/v1/subscriptions") {
            $0.set("customer", customer)
            $0.set("items[0][price]", price)
            $0.set("items[0][quantity]", quantity)
            $0.set("default_payment_method", paymentMethod)
            $0.set("payment_behavior", behavior.rawValue)
            $0.set("payment_settings[save_default_payment_method]", "on_subscription")
            $0.set("discounts[0][coupon]", coupon)
            $0.set("default_tax_rates", taxRates)
            $0.set("trial_end", trialEnd)
            if pausesWithoutPaymentMethod { $0.set("trial_settings[end_behavior][missing_payment_method]", "pause") }
            if isOffSession { $0.set("off_session", true) }
            $0.set("metadata", metadata)
            $0.set("expand", ["latest_invoice.confirmation_secret", "pending_setup_intent"])
        }
    }

    /// Another price from now on.
    /// - Parameters:
    ///   - item: the id of the item whose price changes.
    ///   - proration: `alwaysInvoice` asks for the difference now.
    ///   - behavior: `pendingIfIncomplete` changes the price only once the difference is paid; with
    ///     `errorIfIncomplete` the request is refused (402) where it cannot be paid at once.
    ///   - prorationDate: the time that a preview was made for, so that the amounts are the same.
    ///   - startsNewPeriod: whether the billing cycle starts now.
    package static func changeSubscription(
        _ id: String, item: String, price: String, quantity: Int64 = 1, proration: StripeSubscription.Proration,
        behavior: StripeSubscription.PaymentBehavior? = nil, prorationDate: Instant? = nil,
        startsNewPeriod: Bool = false, metadata: [String: String] = [:]
    ) -> StripeRequest {
        StripeRequest(.post, "/v1/subscriptions/\(segment(id))") {
            $0.set("items[0][id]", item)
            $0.set("items[0][price]", price)
            $0.set("items[0][quantity]", quantity)
            $0.set("proration_behavior", proration.rawValue)
            $0.set("payment_behavior", behavior?.rawValue)
            $0.set("proration_date", prorationDate)
            if startsNewPeriod { $0.set("billing_cycle_anchor[type]", "now") }
            $0.set("metadata", metadata)
            $0.set("expand", ["latest_invoice.confirmation_secret"])
        }
    }

    /// Changes the members that are not nil.
    package static func updateSubscription(
        _ id: String, cancelsAtPeriodEnd: Bool? = nil, defaultPaymentMethod: String? = nil, coupon: String? = nil,
        endsTrialNow: Bool = false, metadata: [String: String] = [:]
    ) -> StripeRequest {
        StripeRequest(.post, "/v1/subscriptions/\(segment(id))") {
            $0.set("cancel_at_period_end", cancelsAtPeriodEnd)
            $0.set("default_payment_method", defaultPaymentMethod)
            $0.set("discounts[0][coupon]", coupon)
            if endsTrialNow { $0.set("trial_end", "now") }
            $0.set("metadata", metadata)
        }
    }

    /// Stops collecting payments: invoices that are made meanwhile are voided. The status does not change.
    package static func pauseCollection(_ id: String, resumesAt: Instant? = nil) -> StripeRequest {
        StripeRequest(.post, "/v1/subscriptions/\(segment(id))") {
            $0.set("pause_collection[behavior]", "void")
            $0.set("pause_collection[resumes_at]", resumesAt)
        }
    }

    package static func resumeCollection(_ id: String) -> StripeRequest {
        StripeRequest(.post, "/v1/subscriptions/\(segment(id))") { $0.set("pause_collection", "") }
    }

    /// Starts a `paused` subscription again, with a new period.
    package static func resumeSubscription(_ id: String) -> StripeRequest {
        StripeRequest(.post, "/v1/subscriptions/\(segment(id))/resume") {
            $0.set("billing_cycle_anchor[type]", "now")
        }
    }

    /// Ends a subscription at once.
    /// - Parameters:
    ///   - invoicesNow: whether what is not yet invoiced is invoiced.
    ///   - prorates: whether the unused time becomes a credit of the customer.
    package static func cancelSubscription(_ id: String, invoicesNow: Bool = false, prorates: Bool = false)
        -> StripeRequest
    {
        StripeRequest(.delete, "/v1/subscriptions/\(segment(id))") {
            if invoicesNow { $0.set("invoice_now", true) }
            if prorates { $0.set("prorate", true) }
        }
    }

    package static func subscription(_ id: String) -> StripeRequest {
        StripeRequest(.get, "/v1/subscriptions/\(segment(id))")
    }

    /// - Parameter status: nil for all that are not `canceled`; `all` for all.
    package static func subscriptions(
        customer: String? = nil, status: String? = nil, page: StripePage = StripePage()
    ) -> StripeRequest {
        StripeRequest(.get, "/v1/subscriptions") {
            $0.set("customer", customer)
            $0.set("status", status)
            $0.set(page)
        }
    }
}
