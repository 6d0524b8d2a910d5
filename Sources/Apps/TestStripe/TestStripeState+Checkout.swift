import Base

extension TestStripeState {
    mutating func createCheckout(_ form: TestStripeForm) throws(TestStripeError) -> JSONValue {
        guard let mode = try form.choice("mode", of: ["payment", "subscription", "setup"]) else {
            throw .parameterMissing("mode")
        }
        let customer = try form.text("customer").map { (id) throws(TestStripeError) in try self.customer(id).id }
        let success = try form.required("success_url")
        let lines = form.list("line_items")
        guard !lines.isEmpty else { throw .parameterMissing("line_items") }
        var total: Int64 = 0
        var currency = ""
        for line in lines {
            let quantity = try line.integer("quantity") ?? 1
            if let id = line.text("price") {
                let price = try find("price", id, param: "line_items[0][price]")
                guard price["recurring"] != .null || mode == "payment" else {
                    throw .invalid("line_items", "You must provide at least one recurring price in subscription mode.")
                }
                total += price.integer("unit_amount") * quantity
                currency = price.currency
            } else if let data = line["price_data"] {
                currency = try data.currency()
                total += try data.amount("unit_amount", in: currency) * quantity
                _ = try data["product_data"]?.required("name")
            } else {
                throw .parameterMissing("line_items[0][price]")
            }
        }
        if let coupon = form["discounts", "0"]?.text("coupon") { _ = try find("coupon", coupon, param: "discounts") }
        let expiresAt = try form.time("expires_at") ?? time + .hours(24)
        guard expiresAt >= time + .minutes(30), expiresAt <= time + .hours(24) else {
            throw .invalid("expires_at", "The `expires_at` timestamp must be between 30 minutes and 24 hours from now.")
        }
        let id = newID("cs_test")
        let session: Members = [
            "id": .string(id), "object": "checkout.session", "adaptive_pricing": ["enabled": false],
            "after_expiration": .null, "allow_promotion_codes": .null, "amount_subtotal": .integer(total),
            "amount_total": .integer(total),
            "automatic_tax": ["enabled": false, "liability": .null, "provider": .null, "status": .null],
            "billing_address_collection": .null, "cancel_url": .text(form.text("cancel_url")),
            "client_reference_id": .text(form.text("client_reference_id")), "client_secret": .null,
            "collected_information": .null, "consent": .null, "consent_collection": .null, "created": now,
            "currency": .string(currency), "currency_conversion": .null, "custom_fields": [],
            "custom_text": [
                "after_submit": .null, "shipping_address": .null, "submit": .null,
                "terms_of_service_acceptance": .null,
            ],
            "customer": .text(customer), "customer_creation": .null, "customer_details": .null,
            "customer_email": .null, "discounts": [], "expires_at": .time(expiresAt), "invoice": .null,
            "invoice_creation": .null, "livemode": false, "locale": .text(form.text("locale")),
            "metadata": .metadata(try form.metadata()), "mode": .string(mode), "origin_context": .null,
            "payment_intent": .null, "payment_link": .null, "payment_method_collection": "always",
            "payment_method_configuration_details": .null, "payment_method_options": .object([:]),
            "payment_method_types": ["card"], "payment_status": "unpaid", "permissions": .null,
            "phone_number_collection": ["enabled": false], "recovered_from": .null,
            "saved_payment_method_options": .null, "setup_intent": .null, "shipping_address_collection": .null,
            "shipping_cost": .null, "shipping_options": [], "status": "open", "submit_type": .null,
            "subscription": .null, "success_url": .string(success),
            "total_details": ["amount_discount": 0, "amount_shipping": 0, "amount_tax": 0],
            "ui_mode": "hosted_page", "url": .string("https://checkout.stripe.com/c/pay/\(id)"),
            "wallet_options": .null,
        ]
        insert(session)
        checkoutForms[id] = form
        schedule(.checkout(id), at: expiresAt)
        return .object(session)
    }

    mutating func expireCheckoutNow(_ id: String) throws(TestStripeError) -> JSONValue {
        guard try find("checkout.session", id).string("status") == "open" else {
            throw .refused("Only Checkout Sessions with a status in [\"open\"] can be expired.")
        }
        expireCheckout(id)
        return .object(object("checkout.session", id))
    }

    mutating func expireCheckout(_ id: String) {
        guard object("checkout.session", id).string("status") == "open" else { return }
        update("checkout.session", id, event: "checkout.session.expired") {
            $0["status"] = "expired"
            $0["url"] = .null
        }
    }

    /// The customer pays on the hosted page.
    /// - Throws: where the payment is declined; the session stays open.
    mutating func completeCheckout(_ id: String, method: String) throws(TestStripeError) {
        let session = try find("checkout.session", id)
        guard session.string("status") == "open", let form = checkoutForms[id] else {
            throw .refused("This Checkout Session is not open.")
        }
        var customer = session.text("customer")
        if customer == nil { customer = try createCustomer(TestStripeForm())["id"]?.string }
        guard let customer else { return }
        let method = try attach(method, to: customer)
        if session.string("mode") == "subscription" {
            try completeSubscription(session, form, customer, method)
        } else {
            try completePayment(session, form, customer, method)
        }
        emit("checkout.session.completed", object("checkout.session", id))
    }

    private mutating func completeSubscription(
        _ session: Members, _ form: TestStripeForm, _ customer: String, _ method: String
    ) throws(TestStripeError) {
        let before = self
        let data = form["subscription_data"] ?? TestStripeForm()
        let subscription = try insertSubscription(
            customer: customer, items: form.list("line_items"), method: method,
            coupon: form["discounts", "0"]?.text("coupon"), taxRates: data.texts("default_tax_rates"),
            trialEnd: try data.time("trial_end"), withoutMethod: "create_invoice", metadata: try data.metadata())
        try collectFirstPayment(of: subscription, "error_if_incomplete", isOffSession: false, before)
        let invoice = object("subscription", subscription).text("latest_invoice")
        let total = invoice.map { object("invoice", $0).integer("total") } ?? 0
        update("checkout.session", session.id) {
            $0["status"] = "complete"
            $0["payment_status"] = total == 0 ? "no_payment_required" : "paid"
            $0["amount_total"] = .integer(total)
            $0["customer"] = .string(customer)
            $0["subscription"] = .string(subscription)
            $0["invoice"] = .text(invoice)
            $0["url"] = .null
        }
    }

    private mutating func completePayment(
        _ session: Members, _ form: TestStripeForm, _ customer: String, _ method: String
    ) throws(TestStripeError) {
        let data = form["payment_intent_data"] ?? TestStripeForm()
        let metadata = try data.metadata()
        let intent =
            session.text("payment_intent")
            ?? insertPaymentIntent(
                amount: session.integer("amount_total"), currency: session.currency, customer: customer, method: nil,
                metadata: metadata)
        update("payment_intent", intent) {
            $0["payment_method"] = .string(method)
            $0.set("transfer_group", data.text("transfer_group"))
        }
        update("checkout.session", session.id) {
            $0["customer"] = .string(customer)
            $0["payment_intent"] = .string(intent)
        }
        if session.text("payment_intent") == nil { emit("payment_intent.created", object("payment_intent", intent)) }
        try confirm(intent, isOffSession: false, hasAuthenticated: cards[method] == .needsAuthentication)
        let isPaid = object("payment_intent", intent).string("status") == "succeeded"
        update("checkout.session", session.id) {
            $0["status"] = "complete"
            $0["payment_status"] = isPaid ? "paid" : "unpaid"
            $0["url"] = .null
        }
    }

    /// A bank debit has been processed.
    mutating func finishProcessing(of intent: String, succeeds: Bool) {
        guard object("payment_intent", intent).string("status") == "processing" else { return }
        if succeeds {
            succeedPayment(intent)
        } else {
            declinePayment(
                intent,
                TestStripeDecline(
                    code: "payment_intent_payment_attempt_failed", declineCode: nil,
                    message: "The bank returned the debit."))
        }
        for session in all("checkout.session") where session.text("payment_intent") == intent {
            let outcome = succeeds ? "succeeded" : "failed"
            update("checkout.session", session.id, event: "checkout.session.async_payment_\(outcome)") {
                if succeeds { $0["payment_status"] = "paid" }
            }
        }
    }

    mutating func createPortal(_ form: TestStripeForm) throws(TestStripeError) -> JSONValue {
        let customer = try customer(try form.required("customer")).id
        let id = newID("bps")
        let session: Members = [
            "id": .string(id), "object": "billing_portal.session", "configuration": .string(newID("bpc")),
            "created": now, "customer": .string(customer), "flow": .null, "livemode": false,
            "locale": .text(form.text("locale")), "on_behalf_of": .null, "return_url": .text(form.text("return_url")),
            "url": .string("https://billing.stripe.com/p/session/\(id)"),
        ]
        return .object(session)
    }
}
