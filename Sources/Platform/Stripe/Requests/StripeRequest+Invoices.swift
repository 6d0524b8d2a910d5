package import Base

extension StripeRequest {
    /// The invoice that another price of a subscription would make, without a change of anything.
    /// - Parameter prorationDate: to be sent with the change, so that the amounts are the same.
    package static func previewChange(
        of subscription: String, customer: String, item: String, price: String, quantity: Int64 = 1,
        proration: StripeSubscription.Proration, prorationDate: Instant, startsNewPeriod: Bool = false
    ) -> StripeRequest {
        StripeRequest(.post, "/v1/invoices/create_preview") {
            $0.set("customer", customer)
            $0.set("subscription", subscription)
            $0.set("subscription_details[items][0][id]", item)
            $0.set("subscription_details[items][0][price]", price)
            $0.set("subscription_details[items][0][quantity]", quantity)
            $0.set("subscription_details[proration_behavior]", proration.rawValue)
            $0.set("subscription_details[proration_date]", prorationDate)
            if startsNewPeriod { $0.set("subscription_details[billing_cycle_anchor][type]", "now") }
        }
    }

    /// The next invoice of a subscription.
    package static func previewInvoice(of subscription: String) -> StripeRequest {
        StripeRequest(.post, "/v1/invoices/create_preview") { $0.set("subscription", subscription) }
    }

    package static func invoice(_ id: String) -> StripeRequest {
        StripeRequest(.get, "/v1/invoices/\(segment(id))")
    }

    package static func invoices(
        customer: String? = nil, subscription: String? = nil, status: StripeInvoice.Status? = nil,
        created: StripeTimeRange? = nil, page: StripePage = StripePage()
    ) -> StripeRequest {
        StripeRequest(.get, "/v1/invoices") {
            $0.set("customer", customer)
            $0.set("subscription", subscription)
            $0.set("status", status?.rawValue)
            $0.set(created)
            $0.set(page)
        }
    }

    /// - Parameter paymentMethod: nil for the one of the subscription or the customer.
    package static func payInvoice(_ id: String, paymentMethod: String? = nil, isOffSession: Bool? = nil)
        -> StripeRequest
    {
        StripeRequest(.post, "/v1/invoices/\(segment(id))/pay") {
            $0.set("payment_method", paymentMethod)
            $0.set("off_session", isOffSession)
        }
    }

    package static func voidInvoice(_ id: String) -> StripeRequest {
        StripeRequest(.post, "/v1/invoices/\(segment(id))/void")
    }

    package static func finalizeInvoice(_ id: String) -> StripeRequest {
        StripeRequest(.post, "/v1/invoices/\(segment(id))/finalize")
    }

    /// The payments of an invoice, with the ids of their payment intents.
    package static func invoicePayments(invoice: String, page: StripePage = StripePage()) -> StripeRequest {
        StripeRequest(.get, "/v1/invoice_payments") {
            $0.set("invoice", invoice)
            $0.set(page)
        }
    }

    /// The invoices that a payment intent pays.
    package static func invoicePayments(paymentIntent: String, page: StripePage = StripePage()) -> StripeRequest {
        StripeRequest(.get, "/v1/invoice_payments") {
            $0.set("payment[type]", "payment_intent")
            $0.set("payment[payment_intent]", paymentIntent)
            $0.set(page)
        }
    }
}
