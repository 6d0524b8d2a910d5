import Base

extension TestStripeState {
    /// Makes an invoice of a subscription, finalizes it, and takes up credits of the customer.
    /// - Parameters:
    ///   - lines: empty for a trial.
    ///   - isDraft: whether it stays a draft, as those of unpaid subscriptions do.
    /// - Returns: its id.
    mutating func makeInvoice(
        of subscription: Members, reason: String, lines: [TestStripeInvoiceLine], isDraft: Bool = false
    ) -> String {
        let id = newID("in")
        let customer = subscription.string("customer")
        let discounted = discounts(of: lines, subscription)
        let rates = subscription["default_tax_rates"]?.array ?? []
        var subtotal: Int64 = 0
        var exclusive: Int64 = 0
        var totalTaxes: [String: (amount: Int64, taxable: Int64, isInclusive: Bool)] = [:]
        var data: [JSONValue] = []
        for (index, line) in lines.enumerated() {
            let discount = discounted.amounts[index]
            var taxes: [JSONValue] = []
            for rate in rates {
                let (amount, taxable, isInclusive) = tax(of: line.amount - discount, by: rate)
                guard let rate = rate["id"]?.string else { continue }
                taxes.append(taxMember(rate, amount, taxable, isInclusive))
                let sum = totalTaxes[rate, default: (0, 0, isInclusive)]
                totalTaxes[rate] = (sum.amount + amount, sum.taxable + taxable, isInclusive)
                if !isInclusive { exclusive += amount }
            }
            subtotal += line.amount
            data.append(
                .object(member(of: line, subscription, invoice: id, discount, discounted.id, taxes: .array(taxes))))
        }
        let discount = discounted.amounts.reduce(0, +)
        let total = subtotal - discount + exclusive
        let balance = object("customer", customer).integer("balance")
        // A negative balance is a credit; a negative total becomes one.
        let due = max(0, total + min(balance, 0))
        let after = total < 0 ? balance + total : balance + (total - due)
        let period = (lines.map(\.start).min() ?? time, lines.map(\.end).max() ?? time)
        let taxes = totalTaxes.sorted { $0.key < $1.key }.map {
            taxMember($0.key, $0.value.amount, $0.value.taxable, $0.value.isInclusive)
        }
        var invoice: Members = [
            "id": .string(id), "object": "invoice", "account_country": "US", "account_name": "Gatehouse",
            "account_tax_ids": .null, "amount_due": .integer(due), "amount_overpaid": 0, "amount_paid": 0,
            "amount_remaining": .integer(due), "amount_shipping": 0, "application": .null, "attempt_count": 0,
            "attempted": false, "auto_advance": .bool(!isDraft),
            "automatic_tax": [
                "disabled_reason": .null, "enabled": false, "liability": .null, "provider": .null, "status": .null,
            ],
            "automatically_finalizes_at": .null, "billing_reason": .string(reason),
            "collection_method": "charge_automatically", "created": now, "currency": .string(subscription.currency),
            "custom_fields": .null, "customer": .string(customer), "customer_address": .null,
            "customer_email": object("customer", customer)["email"] ?? .null,
            "customer_name": object("customer", customer)["name"] ?? .null, "customer_phone": .null,
            "customer_shipping": .null, "customer_tax_exempt": "none", "customer_tax_ids": [],
            "default_payment_method": .null, "default_source": .null,
            "default_tax_rates": .array(rates), "description": .null,
            "discounts": discounted.id.map { [.string($0)] } ?? [], "due_date": .null, "effective_at": now,
            "ending_balance": .integer(after), "footer": .null, "from_invoice": .null,
            "hosted_invoice_url": .string("https://invoice.stripe.com/i/\(id)"),
            "invoice_pdf": .string("https://pay.stripe.com/invoice/\(id)/pdf"),
            "issuer": ["type": "self"], "last_finalization_error": .null, "latest_revision": .null,
            "lines": .list(data, url: "/v1/invoices/\(id)/lines"), "livemode": false, "metadata": .object([:]),
            "next_payment_attempt": .null, "number": .null, "on_behalf_of": .null,
            "parent": [
                "quote_details": .null,
                "subscription_details": [
                    "metadata": subscription["metadata"] ?? .object([:]), "subscription": .string(subscription.id),
                ],
                "type": "subscription_details",
            ],
            "payment_settings": [
                "default_mandate": .null, "payment_method_options": .null, "payment_method_types": .null,
            ],
            "period_end": .time(period.1), "period_start": .time(period.0), "post_payment_credit_notes_amount": 0,
            "pre_payment_credit_notes_amount": 0, "receipt_number": .null, "rendering": .null,
            "shipping_cost": .null, "shipping_details": .null, "starting_balance": .integer(balance),
            "statement_descriptor": .null, "status": "draft",
            "status_transitions": [
                "finalized_at": .null, "marked_uncollectible_at": .null, "paid_at": .null, "voided_at": .null,
            ],
            "subtotal": .integer(subtotal), "subtotal_excluding_tax": .integer(subtotal), "test_clock": .null,
            "total": .integer(total), "total_discount_amounts": .null, "total_excluding_tax": .null,
            "total_pretax_credit_amounts": [], "total_taxes": .array(taxes), "webhooks_delivered_at": .null,
        ]
        if let discountID = discounted.id {
            invoice["total_discount_amounts"] = [["amount": .integer(discount), "discount": .string(discountID)]]
        }
        insert(invoice)
        emit("invoice.created", invoice)
        if !isDraft {
            if after != balance {
                update("customer", customer, event: "customer.updated") { $0["balance"] = .integer(after) }
            }
            finalize(id)
        }
        return id
    }

    private func member(
        of line: TestStripeInvoiceLine, _ subscription: Members, invoice: String, _ discount: Int64,
        _ discountID: String?, taxes: JSONValue
    ) -> Members {
        var discounts: JSONValue = []
        if let discountID { discounts = [["amount": .integer(discount), "discount": .string(discountID)]] }
        return [
            "id": .string("il_\(invoice.dropFirst(3))\(line.item.suffix(4))\(line.amount < 0 ? "c" : "d")"),
            "object": "line_item", "amount": .integer(line.amount), "currency": .string(subscription.currency),
            "description": .string(line.description), "discount_amounts": discounts,
            "discountable": .bool(!line.isProration), "discounts": discountID.map { [.string($0)] } ?? [],
            "invoice": .string(invoice), "livemode": false, "metadata": subscription["metadata"] ?? .object([:]),
            "parent": [
                "invoice_item_details": .null,
                "subscription_item_details": [
                    "invoice_item": .null, "proration": .bool(line.isProration),
                    "proration_details": ["credited_items": .null], "subscription": .string(subscription.id),
                    "subscription_item": .string(line.item),
                ],
                "type": "subscription_item_details",
            ],
            "period": ["end": .time(line.end), "start": .time(line.start)], "pretax_credit_amounts": [],
            "pricing": [
                "price_details": ["price": .string(line.price.id), "product": .string(line.price.string("product"))],
                "type": "price_details", "unit_amount_decimal": line.price["unit_amount_decimal"] ?? .null,
            ],
            "quantity": .integer(line.quantity), "subtotal": .integer(line.amount), "taxes": taxes,
        ]
    }

    // MARK: Discounts and taxes

    /// What a coupon takes of each line.
    private func discounts(of lines: [TestStripeInvoiceLine], _ subscription: Members) -> (
        amounts: [Int64], id: String?
    ) {
        let none = (amounts: [Int64](repeating: 0, count: lines.count), id: String?.none)
        guard let id = subscription["discounts"]?[0]?.string, let coupon = coupon(ofDiscount: id) else { return none }
        if let percent = coupon["percent_off"]?.number {
            return (lines.map { Self.share($0.amount, hundredthsOfPercent: Int64((percent * 100).rounded())) }, id)
        }
        var rest = coupon.integer("amount_off")
        guard coupon.text("currency") == subscription.currency else { return none }
        return (
            lines.map { line in
                let amount = line.amount > 0 ? min(rest, line.amount) : 0
                rest -= amount
                return amount
            }, id
        )
    }

    private func coupon(ofDiscount id: String) -> Members? {
        guard let coupon = tables["discount"]?[id]?["source"]?["coupon"]?.string else { return nil }
        return tables["coupon"]?[coupon]
    }

    private func tax(of amount: Int64, by rate: JSONValue) -> (amount: Int64, taxable: Int64, isInclusive: Bool) {
        let tenThousandths = Int64(((rate["percentage"]?.number ?? 0) * 10_000).rounded())
        guard rate["inclusive"]?.bool == true else {
            return (Self.divided(amount * tenThousandths, by: 1_000_000), amount, false)
        }
        let tax = Self.divided(amount * tenThousandths, by: 1_000_000 + tenThousandths)
        return (tax, amount - tax, true)
    }

    private func taxMember(_ rate: String, _ amount: Int64, _ taxable: Int64, _ isInclusive: Bool) -> JSONValue {
        [
            "amount": .integer(amount), "tax_behavior": isInclusive ? "inclusive" : "exclusive",
            "tax_rate_details": ["tax_rate": .string(rate)], "taxability_reason": "not_available",
            "taxable_amount": .integer(taxable), "type": "tax_rate_details",
        ]
    }

    private static func share(_ amount: Int64, hundredthsOfPercent share: Int64) -> Int64 {
        divided(amount * share, by: 10_000)
    }

    /// Rounded to the nearest whole number; halves away from zero.
    static func divided(_ value: Int64, by divisor: Int64) -> Int64 {
        value >= 0 ? (value + divisor / 2) / divisor : -((-value + divisor / 2) / divisor)
    }

    // MARK: Paying

    private mutating func finalize(_ id: String) {
        let number = "\(id.suffix(8).uppercased())-\(String(tables["invoice"]?.count ?? 0))"
        let time = time
        update("invoice", id, event: "invoice.finalized") {
            $0["status"] = "open"
            $0["number"] = .string(number)
            $0.setTransition("finalized_at", time)
        }
        let invoice = object("invoice", id)
        if invoice.integer("amount_due") == 0 { return markPaid(id) }
        let intent = insertPaymentIntent(
            amount: invoice.integer("amount_due"), currency: invoice.currency, customer: invoice.text("customer"),
            method: nil)
        update("payment_intent", intent) { $0["setup_future_usage"] = "off_session" }
        emit("payment_intent.created", object("payment_intent", intent))
        invoiceOfIntent[intent] = id
        insert([
            "id": .string(newID("inpay")), "object": "invoice_payment", "amount_paid": .null,
            "amount_requested": invoice["amount_due"] ?? 0, "created": now, "currency": .string(invoice.currency),
            "invoice": .string(id), "is_default": true, "livemode": false,
            "payment": ["payment_intent": .string(intent), "type": "payment_intent"], "status": "open",
            "status_transitions": ["canceled_at": .null, "paid_at": .null],
        ])
    }

    /// The payment intent of an open invoice.
    func intent(ofInvoice id: String) -> String? {
        tables["invoice_payment"]?.all(where: "invoice", is: id).last?["payment"]?["payment_intent"]?.string
    }

    func confirmationSecret(of invoice: String) -> JSONValue {
        guard let intent = intent(ofInvoice: invoice) else { return .null }
        return ["client_secret": object("payment_intent", intent)["client_secret"] ?? .null, "type": "payment_intent"]
    }

    /// Pays an open invoice by the payment method of its subscription or customer.
    /// - Throws: where it is declined, after its effects, or where there is no payment method.
    mutating func attemptPayment(_ id: String, method: String? = nil, isOffSession: Bool) throws(TestStripeError) {
        let invoice = object("invoice", id)
        guard invoice.string("status") == "open", let intent = intent(ofInvoice: id) else { return }
        let subscription = subscription(ofInvoice: id)
        let method =
            method ?? subscription.flatMap { object("subscription", $0).text("default_payment_method") }
            ?? invoice.text("customer").flatMap { defaultPaymentMethod(of: $0) }
        update("invoice", id) {
            $0["attempted"] = true
            $0["attempt_count"] = .integer($0.integer("attempt_count") + 1)
        }
        guard let method else {
            emit("invoice.payment_failed", object("invoice", id))
            throw .refused(
                "This customer has no attached payment source or default payment method.", code: "resource_missing")
        }
        update("payment_intent", intent) { $0["payment_method"] = .string(method) }
        try confirm(intent, isOffSession: isOffSession)
    }

    mutating func invoicePaymentFailed(_ id: String) {
        guard object("invoice", id).string("status") == "open" else { return }
        emit("invoice.payment_failed", object("invoice", id))
    }

    /// A payment intent of an invoice has succeeded.
    mutating func invoicePaid(_ id: String, by intent: String) {
        let method = object("payment_intent", intent).text("payment_method")
        if let subscription = subscription(ofInvoice: id), let method {
            update("subscription", subscription) { $0["default_payment_method"] = .string(method) }
        }
        if let payment = tables["invoice_payment"]?.all(where: "invoice", is: id).last {
            let now = now
            update("invoice_payment", payment.id, event: "invoice_payment.paid") {
                $0["status"] = "paid"
                $0["amount_paid"] = $0["amount_requested"]
                $0["status_transitions"] = ["canceled_at": .null, "paid_at": now]
            }
        }
        markPaid(id)
    }

    private mutating func markPaid(_ id: String) {
        let time = time
        update("invoice", id, event: "invoice.paid") {
            $0["status"] = "paid"
            $0["attempted"] = true
            $0["amount_paid"] = $0["amount_due"]
            $0["amount_remaining"] = 0
            $0["next_payment_attempt"] = .null
            $0.setTransition("paid_at", time)
        }
        emit("invoice.payment_succeeded", object("invoice", id))
        if let subscription = subscription(ofInvoice: id) { subscriptionPaid(subscription, by: id) }
    }

    func subscription(ofInvoice id: String) -> String? {
        object("invoice", id)["parent"]?["subscription_details"]?["subscription"]?.string
    }

    mutating func payInvoice(_ id: String, _ form: TestStripeForm) throws(TestStripeError) -> JSONValue {
        let invoice = try find("invoice", id)
        guard invoice.string("status") == "open" else {
            throw .refused("Invoice is already paid or not open.", code: "invoice_not_open")
        }
        let method = try form.text("payment_method").map { (method) throws(TestStripeError) in
            try usable(method, by: invoice.text("customer"))
        }
        try attemptPayment(id, method: method, isOffSession: try form.bool("off_session") ?? false)
        guard object("invoice", id).string("status") == "paid" else {
            throw TestStripeError(
                status: 402, type: "card_error", code: "invoice_payment_intent_requires_action",
                message: "Payment for this invoice requires additional user action before it can be completed.")
        }
        return .object(object("invoice", id))
    }

    mutating func finalizeInvoice(_ id: String) throws(TestStripeError) -> JSONValue {
        guard try find("invoice", id).string("status") == "draft" else {
            throw .refused("This invoice is already finalized.", code: "invoice_no_longer_draft")
        }
        finalize(id)
        return .object(object("invoice", id))
    }

    mutating func voidInvoice(_ id: String) throws(TestStripeError) -> JSONValue {
        guard try ["open", "uncollectible"].contains(find("invoice", id).string("status")) else {
            throw .refused("Only open or uncollectible invoices can be voided.", code: "invoice_not_editable")
        }
        void(id)
        return .object(object("invoice", id))
    }

    mutating func void(_ id: String) {
        guard ["open", "draft", "uncollectible"].contains(object("invoice", id).string("status")) else { return }
        let time = time
        update("invoice", id, event: "invoice.voided") {
            $0["status"] = "void"
            $0["next_payment_attempt"] = .null
            $0.setTransition("voided_at", time)
        }
        if let intent = intent(ofInvoice: id),
            !["succeeded", "canceled"].contains(object("payment_intent", intent).string("status"))
        {
            cancelPayment(intent, reason: "void_invoice")
        }
    }

    func listInvoices(_ form: TestStripeForm) throws(TestStripeError) -> JSONValue {
        let subscription = form.text("subscription")
        return try list(
            "invoice", "/v1/invoices", form,
            where: ["customer": form.text("customer"), "status": form.text("status")]
        ) { subscription == nil || self.subscription(ofInvoice: $0.id) == subscription }
    }

    func listInvoicePayments(_ form: TestStripeForm) throws(TestStripeError) -> JSONValue {
        let intent = form["payment"]?.text("payment_intent")
        return try list(
            "invoice_payment", "/v1/invoice_payments", form,
            where: ["invoice": form.text("invoice"), "status": form.text("status")]
        ) { intent == nil || $0["payment"]?["payment_intent"]?.string == intent }
    }
}

extension Members {
    mutating func setTransition(_ name: String, _ time: Instant) {
        var transitions = self["status_transitions"]?.object ?? [:]
        transitions[name] = .time(time)
        self["status_transitions"] = .object(transitions)
    }
}
