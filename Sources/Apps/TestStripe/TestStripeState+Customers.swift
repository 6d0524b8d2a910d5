import Base

extension TestStripeState {
    mutating func createCustomer(_ form: TestStripeForm) throws(TestStripeError) -> JSONValue {
        let id = newID("cus")
        var customer: Members = [
            "id": .string(id), "object": "customer", "address": .null, "balance": 0, "created": now,
            "currency": .null, "default_source": .null, "delinquent": false,
            "description": .text(form.text("description")),
            "discount": .null, "email": .text(form.text("email")), "invoice_prefix": .string(String(id.suffix(8))),
            "invoice_settings": [
                "custom_fields": .null, "default_payment_method": .null, "footer": .null, "rendering_options": .null,
            ],
            "livemode": false, "metadata": .metadata(try form.metadata()), "name": .text(form.text("name")),
            "next_invoice_sequence": 1, "phone": .null, "preferred_locales": [], "shipping": .null,
            "tax_exempt": "none", "test_clock": .null,
        ]
        let method = form.text("payment_method")
        if let method { _ = try usable(method, by: nil) }
        setDefaultPaymentMethod(
            try form["invoice_settings"].map { (form) throws(TestStripeError) in
                try form.required("default_payment_method")
            }, of: &customer)
        insert(customer)
        if let method { _ = try attach(method, to: id) }
        emit("customer.created", object("customer", id))
        return .object(object("customer", id))
    }

    mutating func updateCustomer(_ id: String, _ form: TestStripeForm) throws(TestStripeError) -> JSONValue {
        var customer = try find("customer", id)
        guard !customer.flag("deleted") else { throw .missing("customer", id) }
        for name in ["email", "name", "description"] where form.has(name) { customer.set(name, form.text(name)) }
        var metadata = customer["metadata"]?.object ?? [:]
        for (key, value) in try form.metadata() { metadata[key] = value.isEmpty ? nil : .string(value) }
        customer["metadata"] = .object(metadata)
        if let settings = form["invoice_settings"], settings.has("default_payment_method") {
            let method = settings.text("default_payment_method")
            if let method,
                try find("payment_method", method, param: "invoice_settings[default_payment_method]")
                    .text("customer") != id
            {
                throw .refused(
                    "The customer does not have a payment method with the ID \(method).", code: "resource_missing")
            }
            setDefaultPaymentMethod(method, of: &customer)
        }
        return .object(update("customer", id, event: "customer.updated") { $0 = customer })
    }

    private func setDefaultPaymentMethod(_ method: String?, of customer: inout Members) {
        var settings = customer["invoice_settings"]?.object ?? [:]
        settings.set("default_payment_method", method)
        customer["invoice_settings"] = .object(settings)
    }

    func defaultPaymentMethod(of customer: String) -> String? {
        tables["customer"]?[customer]?["invoice_settings"]?["default_payment_method"]?.string
    }

    mutating func deleteCustomer(_ id: String) throws(TestStripeError) -> JSONValue {
        let customer = try find("customer", id)
        guard !customer.flag("deleted") else { throw .missing("customer", id) }
        for subscription in all("subscription")
        where subscription.text("customer") == id && subscription["ended_at"] == .null {
            endSubscription(subscription.id)
        }
        for method in all("payment_method") where method.text("customer") == id {
            update("payment_method", method.id) { $0["customer"] = .null }
        }
        emit("customer.deleted", customer)
        let deleted: Members = ["id": .string(id), "object": "customer", "deleted": true]
        return .object(update("customer", id) { $0 = deleted })
    }

    /// - Throws: where there is no such customer any more.
    func customer(_ id: String) throws(TestStripeError) -> Members {
        let customer = try find("customer", id, param: "customer")
        guard !customer.flag("deleted") else { throw .missing("customer", id, param: "customer") }
        return customer
    }
}
