import Base

extension TestStripeState {
    mutating func createPaymentIntent(_ form: TestStripeForm) throws(TestStripeError) -> JSONValue {
        let currency = try form.currency()
        let amount = try form.amount(in: currency)
        let customer = try form.text("customer").map { (id) throws(TestStripeError) in try self.customer(id).id }
        let isManual = try form.choice("capture_method", of: ["automatic", "automatic_async", "manual"]) == "manual"
        let metadata = try form.metadata()
        let confirms = try form.bool("confirm") ?? false
        let isOffSession = try form.bool("off_session") ?? false
        let method = try form.text("payment_method").map { (id) throws(TestStripeError) in
            try usable(id, by: customer)
        }
        if confirms && method == nil { throw .parameterMissing("payment_method") }
        let id = insertPaymentIntent(
            amount: amount, currency: currency, customer: customer, method: method, isManual: isManual,
            metadata: metadata)
        update("payment_intent", id) {
            $0.set("description", form.text("description"))
            $0.set("receipt_email", form.text("receipt_email"))
            $0.set("setup_future_usage", form.text("setup_future_usage"))
            $0.set("transfer_group", form.text("transfer_group"))
        }
        emit("payment_intent.created", object("payment_intent", id))
        if confirms { try confirm(id, isOffSession: isOffSession, returnURL: form.text("return_url")) }
        return .object(object("payment_intent", id))
    }

    mutating func insertPaymentIntent(
        amount: Int64, currency: String, customer: String?, method: String?, isManual: Bool = false,
        metadata: [String: String] = [:]
    ) -> String {
        let id = newID("pi")
        insert([
            "id": .string(id), "object": "payment_intent", "amount": .integer(amount), "amount_capturable": 0,
            "amount_details": ["tip": .object([:])], "amount_received": 0, "application": .null,
            "application_fee_amount": .null,
            "automatic_payment_methods": ["allow_redirects": "always", "enabled": true],
            "canceled_at": .null, "cancellation_reason": .null,
            "capture_method": isManual ? "manual" : "automatic_async",
            "client_secret": .string("\(id)_secret_\(newID("x"))"), "confirmation_method": "automatic",
            "created": now, "currency": .string(currency), "customer": .text(customer), "description": .null,
            "last_payment_error": .null, "latest_charge": .null, "livemode": false, "metadata": .metadata(metadata),
            "next_action": .null, "on_behalf_of": .null, "payment_method": .text(method),
            "payment_method_options": .null, "payment_method_types": ["card", "us_bank_account"],
            "processing": .null, "receipt_email": .null, "review": .null, "setup_future_usage": .null,
            "shipping": .null, "source": .null, "statement_descriptor": .null, "statement_descriptor_suffix": .null,
            "status": method == nil ? "requires_payment_method" : "requires_confirmation", "transfer_data": .null,
            "transfer_group": .null,
        ])
        return id
    }

    mutating func confirmPaymentIntent(_ id: String, _ form: TestStripeForm) throws(TestStripeError) -> JSONValue {
        let intent = try find("payment_intent", id)
        let method = try form.text("payment_method").map { (id) throws(TestStripeError) in
            try usable(id, by: intent.text("customer"))
        }
        try requireStatus(of: intent, in: ["requires_payment_method", "requires_confirmation", "requires_action"])
        guard let method = method ?? intent.text("payment_method") else {
            throw .refused(
                "You cannot confirm this PaymentIntent because it's missing a payment method.",
                code: "payment_intent_unexpected_state")
        }
        update("payment_intent", id) { $0["payment_method"] = .string(method) }
        try confirm(id, isOffSession: try form.bool("off_session") ?? false, returnURL: form.text("return_url"))
        return .object(object("payment_intent", id))
    }

    private func requireStatus(of intent: Members, in statuses: [String]) throws(TestStripeError) {
        guard statuses.contains(intent.string("status")) else {
            throw .refused(
                "This PaymentIntent has a status of \(intent.string("status")), which does not allow this.",
                code: "payment_intent_unexpected_state")
        }
    }

    /// Charges the payment method of an intent.
    /// - Parameter hasAuthenticated: whether the customer has done what `requires_action` asked for.
    /// - Throws: a `card_error` where it is declined, after its effects.
    mutating func confirm(_ id: String, isOffSession: Bool, returnURL: String? = nil, hasAuthenticated: Bool = false)
        throws(TestStripeError)
    {
        let intent = object("payment_intent", id)
        let card = cards[intent.text("payment_method") ?? ""] ?? .succeeds
        if !hasAuthenticated, let decline = card.decline(isOffSession: isOffSession) {
            throw .declined(decline, paymentIntent: declinePayment(id, decline))
        }
        if card == .needsAuthentication && !hasAuthenticated {
            update("payment_intent", id, event: "payment_intent.requires_action") {
                $0["status"] = "requires_action"
                $0["next_action"] = [
                    "type": "redirect_to_url",
                    "redirect_to_url": [
                        "return_url": .text(returnURL), "url": .string("https://hooks.stripe.com/redirect/\(id)"),
                    ],
                ]
            }
            if let invoice = invoiceOfIntent[id] {
                emit("invoice.payment_action_required", object("invoice", invoice))
            }
            return
        }
        if let customer = intent.text("customer"), intent.text("setup_future_usage") != nil,
            let method = intent.text("payment_method")
        {
            _ = try attach(method, to: customer)
        }
        if card == .processesLong {
            update("payment_intent", id, event: "payment_intent.processing") {
                $0["status"] = "processing"
                $0["next_action"] = .null
            }
            return
        }
        succeedPayment(id)
        if card == .isDisputed, let charge = object("payment_intent", id).text("latest_charge") {
            openDispute(charge, amount: nil, reason: "fraudulent")
        }
    }

    /// - Returns: the intent.
    @discardableResult
    mutating func declinePayment(_ id: String, _ decline: TestStripeDecline) -> Members {
        let intent = object("payment_intent", id)
        let charge = insertCharge(of: intent, isCaptured: false, decline: decline)
        emit("charge.failed", object("charge", charge))
        let error: JSONValue = [
            "charge": .string(charge), "code": .string(decline.code), "decline_code": .text(decline.declineCode),
            "message": .string(decline.message), "type": "card_error",
        ]
        let failed = update("payment_intent", id, event: "payment_intent.payment_failed") {
            $0["status"] = "requires_payment_method"
            $0["payment_method"] = .null
            $0["latest_charge"] = .string(charge)
            $0["last_payment_error"] = error
            $0["next_action"] = .null
        }
        if let invoice = invoiceOfIntent[id] { invoicePaymentFailed(invoice) }
        return failed
    }

    /// The charge of an intent succeeds, or its amount is reserved.
    mutating func succeedPayment(_ id: String) {
        let intent = object("payment_intent", id)
        let isManual = intent.string("capture_method") == "manual"
        let charge = insertCharge(of: intent, isCaptured: !isManual, decline: nil)
        update("payment_intent", id) {
            $0["latest_charge"] = .string(charge)
            $0["last_payment_error"] = .null
            $0["next_action"] = .null
        }
        if isManual {
            emit("charge.succeeded", object("charge", charge))
            update("payment_intent", id, event: "payment_intent.amount_capturable_updated") {
                $0["status"] = "requires_capture"
                $0["amount_capturable"] = intent["amount"]
            }
            schedule(.capture(intent: id), at: time + .days(7))
            return
        }
        bookCharge(charge)
        emit("charge.succeeded", object("charge", charge))
        finishPayment(id, received: intent.integer("amount"))
    }

    private mutating func finishPayment(_ id: String, received: Int64) {
        update("payment_intent", id, event: "payment_intent.succeeded") {
            $0["status"] = "succeeded"
            $0["amount_received"] = .integer(received)
            $0["amount_capturable"] = 0
        }
        if let invoice = invoiceOfIntent[id] { invoicePaid(invoice, by: id) }
    }

    private mutating func insertCharge(of intent: Members, isCaptured: Bool, decline: TestStripeDecline?) -> String {
        let id = newID("ch")
        var charge = Self.charge(id, amount: intent.integer("amount"), intent.currency, created: time)
        charge["amount_captured"] = isCaptured ? intent["amount"] : 0
        charge["captured"] = .bool(isCaptured)
        charge["failure_code"] = .text(decline?.code)
        charge["failure_message"] = .text(decline?.message)
        charge["paid"] = .bool(decline == nil)
        charge["payment_intent"] = .string(intent.id)
        charge["status"] = decline == nil ? "succeeded" : "failed"
        for member in ["customer", "description", "metadata", "payment_method", "receipt_email", "transfer_group"] {
            charge[member] = intent[member] ?? .null
        }
        insert(charge)
        return id
    }

    /// A captured charge.
    static func charge(_ id: String, amount: Int64, _ currency: String, created: Instant) -> Members {
        [
            "id": .string(id), "object": "charge", "amount": .integer(amount), "amount_captured": .integer(amount),
            "amount_refunded": 0, "application": .null, "application_fee": .null, "application_fee_amount": .null,
            "balance_transaction": .null,
            "billing_details": ["address": .null, "email": .null, "name": .null, "phone": .null, "tax_id": .null],
            "calculated_statement_descriptor": "GATEHOUSE", "captured": true, "created": .time(created),
            "currency": .string(currency), "customer": .null, "description": .null, "disputed": false,
            "failure_balance_transaction": .null, "failure_code": .null, "failure_message": .null,
            "fraud_details": .object([:]), "livemode": false, "metadata": .object([:]), "on_behalf_of": .null,
            "outcome": .null, "paid": true, "payment_intent": .null, "payment_method": .null,
            "payment_method_details": .null, "receipt_email": .null, "receipt_number": .null,
            "receipt_url": .string("https://pay.stripe.com/receipts/\(id)"), "refunded": false, "review": .null,
            "shipping": .null, "source_transfer": .null, "statement_descriptor": .null,
            "statement_descriptor_suffix": .null, "status": "succeeded", "transfer_data": .null,
            "transfer_group": .null,
        ]
    }

    /// Enters a captured charge into the balance.
    private mutating func bookCharge(_ id: String) {
        let charge = object("charge", id)
        let amount = charge.integer("amount_captured")
        let fee = min(amount, amount * settings.feeHundredths / 10_000 + settings.feeFixed)
        let transaction = move(
            amount, fee: fee, charge.currency, type: "charge", category: "charge", source: id,
            availableOn: time + settings.settlementDelay)
        update("charge", id) { $0["balance_transaction"] = .string(transaction) }
        count(charge.currency) {
            $0.charged += amount
            $0.fees += fee
        }
    }

    mutating func capturePaymentIntent(_ id: String, _ form: TestStripeForm) throws(TestStripeError) -> JSONValue {
        let intent = try find("payment_intent", id)
        try requireStatus(of: intent, in: ["requires_capture"])
        let amount = try form.integer("amount_to_capture") ?? intent.integer("amount")
        guard (1...intent.integer("amount_capturable")).contains(amount) else {
            throw .refused("The amount to capture is not within the authorized amount.", code: "amount_too_large")
        }
        let charge = intent.string("latest_charge")
        let released = intent.integer("amount") - amount
        update("charge", charge) {
            $0["captured"] = true
            $0["amount_captured"] = .integer(amount)
            $0["amount_refunded"] = .integer(released)
        }
        bookCharge(charge)
        emit("charge.captured", object("charge", charge))
        finishPayment(id, received: amount)
        return .object(object("payment_intent", id))
    }

    mutating func cancelPaymentIntent(_ id: String, _ form: TestStripeForm) throws(TestStripeError) -> JSONValue {
        let intent = try find("payment_intent", id)
        try requireStatus(
            of: intent,
            in: [
                "requires_payment_method", "requires_confirmation", "requires_action", "requires_capture", "processing",
            ])
        let reasons = ["abandoned", "duplicate", "fraudulent", "requested_by_customer"]
        cancelPayment(id, reason: try form.choice("cancellation_reason", of: reasons))
        return .object(object("payment_intent", id))
    }

    mutating func cancelPayment(_ id: String, reason: String?) {
        let intent = object("payment_intent", id)
        if intent.string("status") == "requires_capture", let charge = intent.text("latest_charge") {
            update("charge", charge, event: "charge.expired") {
                $0["refunded"] = true
                $0["amount_refunded"] = $0["amount"]
            }
        }
        let now = now
        update("payment_intent", id, event: "payment_intent.canceled") {
            $0["status"] = "canceled"
            $0["canceled_at"] = now
            $0.set("cancellation_reason", reason)
            $0["amount_capturable"] = 0
            $0["next_action"] = .null
        }
    }

    mutating func expireCapture(of intent: String) {
        guard object("payment_intent", intent).string("status") == "requires_capture" else { return }
        cancelPayment(intent, reason: "automatic")
    }
}
