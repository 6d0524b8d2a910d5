import Base

extension TestStripeState {
    mutating func createPaymentMethod(_ form: TestStripeForm) throws(TestStripeError) -> JSONValue {
        let token = try form["card"]?.required("token") ?? "tok_visa"
        guard let (card, _) = TestStripeCard.named(token) else { throw .missing("token", token, param: "card[token]") }
        let id = insertPaymentMethod(card)
        return .object(object("payment_method", id))
    }

    mutating func insertPaymentMethod(_ card: TestStripeCard) -> String {
        let id = newID("pm")
        let isCard = card != .processesLong
        var method: Members = [
            "id": .string(id), "object": "payment_method", "allow_redisplay": "unspecified",
            "billing_details": ["address": .null, "email": .null, "name": .null, "phone": .null, "tax_id": .null],
            "created": now, "customer": .null, "livemode": false, "metadata": .object([:]),
            "type": isCard ? "card" : "us_bank_account",
        ]
        if isCard {
            method["card"] = [
                "brand": "visa", "checks": .null, "country": "US", "display_brand": "visa", "exp_month": 8,
                "exp_year": 2_032, "fingerprint": .string("fp\(id.suffix(8))"), "funding": "credit",
                "generated_from": .null, "last4": "4242", "networks": .null, "regulated_status": "unregulated",
                "three_d_secure_usage": ["supported": true], "wallet": .null,
            ]
        } else {
            method["us_bank_account"] = [
                "account_holder_type": "individual", "account_type": "checking", "bank_name": "STRIPE TEST BANK",
                "financial_connections_account": .null, "fingerprint": .string("fp\(id.suffix(8))"), "last4": "6789",
                "networks": .null, "routing_number": "110000000", "status_details": .null,
            ]
        }
        insert(method)
        cards[id] = card
        return id
    }

    /// The payment method of an id; one of Stripe's test cards makes a new one.
    /// - Parameter customer: whose method it may be; nil for none.
    mutating func usable(_ id: String, by customer: String?) throws(TestStripeError) -> String {
        if let (card, _) = TestStripeCard.named(id) { return insertPaymentMethod(card) }
        let owner = try find("payment_method", id, param: "payment_method").text("customer")
        if let owner, owner != customer {
            throw .refused(
                "The PaymentMethod \(id) does not belong to the Customer you supplied.", param: "payment_method")
        }
        return id
    }

    mutating func attachPaymentMethod(_ id: String, _ form: TestStripeForm) throws(TestStripeError) -> JSONValue {
        let customer = try customer(try form.required("customer")).id
        let method = try attach(id, to: customer)
        return .object(object("payment_method", method))
    }

    /// - Returns: the id of the method.
    mutating func attach(_ id: String, to customer: String) throws(TestStripeError) -> String {
        if let (card, canBeAttached) = TestStripeCard.named(id), !canBeAttached,
            let decline = card.decline(isOffSession: true)
        {
            throw .declined(decline, paymentIntent: nil)
        }
        let id = try usable(id, by: customer)
        guard object("payment_method", id).text("customer") == nil else { return id }
        update("payment_method", id, event: "payment_method.attached") { $0["customer"] = .string(customer) }
        return id
    }

    mutating func detachPaymentMethod(_ id: String) throws(TestStripeError) -> JSONValue {
        let method = try find("payment_method", id)
        guard let customer = method.text("customer") else {
            throw .refused("The payment method you provided is not attached to a customer so detachment is impossible.")
        }
        if defaultPaymentMethod(of: customer) == id {
            update("customer", customer, event: "customer.updated") {
                var settings = $0["invoice_settings"]?.object ?? [:]
                settings["default_payment_method"] = .null
                $0["invoice_settings"] = .object(settings)
            }
        }
        for subscription in all("subscription") where subscription.text("default_payment_method") == id {
            update("subscription", subscription.id) { $0["default_payment_method"] = .null }
        }
        return .object(update("payment_method", id, event: "payment_method.detached") { $0["customer"] = .null })
    }

    // MARK: Setup intents

    mutating func createSetupIntent(_ form: TestStripeForm) throws(TestStripeError) -> JSONValue {
        let customer = try form.text("customer").map { (id) throws(TestStripeError) in try self.customer(id).id }
        let id = insertSetupIntent(customer: customer, metadata: try form.metadata())
        return .object(object("setup_intent", id))
    }

    mutating func insertSetupIntent(customer: String?, metadata: [String: String] = [:]) -> String {
        let id = newID("seti")
        let intent: Members = [
            "id": .string(id), "object": "setup_intent", "application": .null,
            "automatic_payment_methods": ["allow_redirects": "always", "enabled": true], "cancellation_reason": .null,
            "client_secret": .string("\(id)_secret_\(newID("x"))"), "created": now, "customer": .text(customer),
            "description": .null, "flow_directions": .null, "last_setup_error": .null, "latest_attempt": .null,
            "livemode": false, "mandate": .null, "metadata": .metadata(metadata), "next_action": .null,
            "on_behalf_of": .null, "payment_method": .null, "payment_method_options": .null,
            "payment_method_types": ["card"], "single_use_mandate": .null, "status": "requires_payment_method",
            "usage": "off_session",
        ]
        insert(intent)
        emit("setup_intent.created", intent)
        return id
    }

    mutating func confirmSetupIntent(_ id: String, _ form: TestStripeForm) throws(TestStripeError) -> JSONValue {
        let intent = try find("setup_intent", id)
        guard ["requires_payment_method", "requires_confirmation"].contains(intent.string("status")) else {
            throw .refused(
                "The SetupIntent has a status of \(intent.string("status")).", code: "setup_intent_unexpected_state")
        }
        let method = try usable(try form.required("payment_method"), by: intent.text("customer"))
        if let decline = cards[method]?.decline(isOffSession: false) {
            update("setup_intent", id, event: "setup_intent.setup_failed") {
                $0["last_setup_error"] = [
                    "code": .string(decline.code), "message": .string(decline.message), "type": "card_error",
                ]
            }
            throw .declined(decline, paymentIntent: nil)
        }
        if let customer = intent.text("customer") { _ = try attach(method, to: customer) }
        return .object(
            update("setup_intent", id, event: "setup_intent.succeeded") {
                $0["payment_method"] = .string(method)
                $0["status"] = "succeeded"
            })
    }

    mutating func cancelSetupIntent(_ id: String) throws(TestStripeError) -> JSONValue {
        let status = try find("setup_intent", id).string("status")
        guard status != "succeeded", status != "canceled" else {
            throw .refused("You cannot cancel this SetupIntent.", code: "setup_intent_unexpected_state")
        }
        return .object(update("setup_intent", id, event: "setup_intent.canceled") { $0["status"] = "canceled" })
    }
}
