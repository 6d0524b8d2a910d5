import Base
import Stripe

extension TestStripeState {
    private static let behaviors = [
        "allow_incomplete", "default_incomplete", "error_if_incomplete", "pending_if_incomplete",
    ]

    mutating func createSubscription(_ form: TestStripeForm) throws(TestStripeError) -> JSONValue {
        let customer = try customer(try form.required("customer")).id
        let behavior = try form.choice("payment_behavior", of: Self.behaviors) ?? "allow_incomplete"
        let method = try form.text("default_payment_method").map { (id) throws(TestStripeError) in
            try attach(id, to: customer)
        }
        var trialEnd = try form.time("trial_end")
        if let days = try form.integer("trial_period_days") { trialEnd = time + .days(days) }
        let before = self
        let id = try insertSubscription(
            customer: customer, items: form.list("items"), method: method,
            coupon: form["discounts", "0"]?.text("coupon"),
            taxRates: form.texts("default_tax_rates"), trialEnd: trialEnd,
            withoutMethod: form["trial_settings", "end_behavior"]?.text("missing_payment_method") ?? "create_invoice",
            metadata: try form.metadata())
        try collectFirstPayment(of: id, behavior, isOffSession: try form.bool("off_session") ?? false, before)
        return .object(object("subscription", id))
    }

    mutating func insertSubscription(
        customer: String, items: [TestStripeForm], method: String?, coupon: String?, taxRates: [String],
        trialEnd: Instant?, withoutMethod: String, metadata: [String: String]
    ) throws(TestStripeError) -> String {
        guard !items.isEmpty else { throw .parameterMissing("items") }
        if let trialEnd, trialEnd <= time { throw .invalid("trial_end", "Timestamp must be in the future.") }
        let id = newID("sub")
        var members: [Members] = []
        for item in items {
            let price = try find("price", try item.required("price"), param: "items[0][price]")
            guard price.flag("active") else {
                throw .refused("The price specified is inactive.", code: "resource_missing", param: "items[0][price]")
            }
            guard price["recurring"] != .null else {
                throw .refused("The price specified is not recurring.", param: "items[0][price]")
            }
            members.append(self.item(price, quantity: try item.integer("quantity") ?? 1, of: id))
        }
        let currency = members[0]["price"]?["currency"] ?? "usd"
        guard members.allSatisfy({ $0["price"]?["currency"] == currency }) else {
            throw .refused("All prices must have one currency.", param: "items")
        }
        var rates: [JSONValue] = []
        for rate in taxRates { rates.append(.object(try find("tax_rate", rate, param: "default_tax_rates"))) }
        let discount = try coupon.map { (coupon) throws(TestStripeError) in
            try insertDiscount(coupon, customer, subscription: id)
        }
        let start = time
        let end = trialEnd ?? Self.periodEnd(after: start, anchor: start, members[0])
        for index in members.indices { members[index].setPeriod(start, end) }
        insert([
            "id": .string(id), "object": "subscription", "application": .null, "application_fee_percent": .null,
            "automatic_tax": ["disabled_reason": .null, "enabled": false, "liability": .null],
            "billing_cycle_anchor": .time(trialEnd ?? start), "billing_cycle_anchor_config": .null,
            "billing_mode": ["flexible": .null, "type": "classic"], "billing_schedules": [],
            "billing_thresholds": .null, "cancel_at": .null, "cancel_at_period_end": false, "canceled_at": .null,
            "cancellation_details": ["comment": .null, "feedback": .null, "reason": .null],
            "collection_method": "charge_automatically", "created": now, "currency": currency,
            "customer": .string(customer), "days_until_due": .null, "default_payment_method": .text(method),
            "default_source": .null, "default_tax_rates": .array(rates), "description": .null,
            "discounts": discount.map { [.string($0)] } ?? [], "ended_at": .null,
            "invoice_settings": ["account_tax_ids": .null, "issuer": ["type": "self"]],
            "items": .list(members.map { .object($0) }, url: "/v1/subscription_items"), "latest_invoice": .null,
            "livemode": false, "metadata": .metadata(metadata), "next_pending_invoice_item_invoice": .null,
            "on_behalf_of": .null, "pause_collection": .null,
            "payment_settings": [
                "payment_method_options": .null, "payment_method_types": .null,
                "save_default_payment_method": "on_subscription",
            ],
            "pending_invoice_item_interval": .null, "pending_setup_intent": .null, "pending_update": .null,
            "schedule": .null, "start_date": now, "status": trialEnd == nil ? "incomplete" : "trialing",
            "test_clock": .null, "transfer_data": .null, "trial_end": .time(trialEnd),
            "trial_settings": ["end_behavior": ["missing_payment_method": .string(withoutMethod)]],
            "trial_start": trialEnd == nil ? .null : now,
        ])
        schedule(.subscription(id), at: end)
        if let trialEnd {
            schedule(.trialEnding(subscription: id), at: trialEnd - .days(3))
        } else {
            schedule(.firstPayment(subscription: id), at: time + .hours(23))
        }
        return id
    }

    private mutating func insertDiscount(_ coupon: String, _ customer: String, subscription: String)
        throws(TestStripeError) -> String
    {
        let members = try find("coupon", coupon, param: "discounts[0][coupon]")
        guard members.flag("valid") else { throw .refused("Coupon expired: \(coupon)", code: "coupon_expired") }
        let id = newID("di")
        let months = members["duration_in_months"]?.integer
        let end = months.map { Self.time(months: $0, after: time) }
        insert([
            "id": .string(id), "object": "discount", "checkout_session": .null, "customer": .string(customer),
            "end": .time(end), "invoice": .null, "invoice_item": .null, "promotion_code": .null,
            "source": ["coupon": .string(coupon), "type": "coupon"], "start": now,
            "subscription": .string(subscription),
            "subscription_item": .null,
        ])
        update("coupon", coupon) { $0["times_redeemed"] = .integer($0.integer("times_redeemed") + 1) }
        return id
    }

    private mutating func item(_ price: Members, quantity: Int64, of subscription: String) -> Members {
        let recurring = price["recurring"]
        return [
            "id": .string(newID("si")), "object": "subscription_item", "billed_until": .null,
            "billing_thresholds": .null, "created": now, "discounts": [], "metadata": .object([:]),
            "plan": plan(of: price, recurring), "price": .object(price), "quantity": .integer(quantity),
            "subscription": .string(subscription), "tax_rates": [],
        ]
    }

    private func plan(of price: Members, _ recurring: JSONValue?) -> JSONValue {
        [
            "id": .string(price.id), "object": "plan", "active": price["active"] ?? true,
            "amount": price["unit_amount"] ?? .null, "amount_decimal": price["unit_amount_decimal"] ?? .null,
            "billing_scheme": "per_unit", "created": price["created"] ?? 0, "currency": price["currency"] ?? .null,
            "interval": recurring?["interval"] ?? "month", "interval_count": recurring?["interval_count"] ?? 1,
            "livemode": false, "metadata": .object([:]), "meter": .null, "nickname": .null,
            "product": price["product"] ?? .null, "tiers_mode": .null, "transform_usage": .null,
            "trial_period_days": .null, "usage_type": "licensed",
        ]
    }

    /// - Parameter before: what everything becomes again where `error_if_incomplete` refuses.
    mutating func collectFirstPayment(
        of id: String, _ behavior: String, isOffSession: Bool, _ before: TestStripeState
    ) throws(TestStripeError) {
        let subscription = object("subscription", id)
        let isTrial = subscription.string("status") == "trialing"
        let customer = subscription.string("customer")
        if isTrial && subscription.text("default_payment_method") == nil && defaultPaymentMethod(of: customer) == nil {
            let intent = insertSetupIntent(customer: customer)
            update("subscription", id) { $0["pending_setup_intent"] = .string(intent) }
        }
        emit("customer.subscription.created", object("subscription", id))
        let lines = isTrial ? [] : subscription.items.map { line(of: $0, isProration: false) }
        let invoice = makeInvoice(of: object("subscription", id), reason: "subscription_create", lines: lines)
        update("subscription", id) { $0["latest_invoice"] = .string(invoice) }
        guard object("invoice", invoice).string("status") == "open", behavior != "default_incomplete" else { return }
        do throws(TestStripeError) { try attemptPayment(invoice, isOffSession: isOffSession) } catch {
            guard behavior == "error_if_incomplete" else { return }
            self = before
            throw error
        }
        guard behavior == "error_if_incomplete", object("invoice", invoice).string("status") != "paid" else { return }
        self = before
        throw TestStripeError(
            status: 402, type: "card_error", code: "subscription_payment_intent_requires_action",
            message: "Payment for this subscription requires additional user action before it can be completed.")
    }

    // MARK: Changes

    mutating func updateSubscription(_ id: String, _ form: TestStripeForm) throws(TestStripeError) -> JSONValue {
        let subscription = try find("subscription", id)
        guard !["canceled", "incomplete_expired"].contains(subscription.string("status")) else {
            throw .refused("A canceled subscription can only update its cancellation_details and metadata.")
        }
        let before = self
        let customer = subscription.string("customer")
        let method = try form.text("default_payment_method").map { (method) throws(TestStripeError) in
            try attach(method, to: customer)
        }
        let cancels = try form.bool("cancel_at_period_end")
        let discount = try form["discounts", "0"]?.text("coupon").map { (coupon) throws(TestStripeError) in
            try insertDiscount(coupon, customer, subscription: id)
        }
        let metadata = try form.metadata()
        let resumesAt = try form["pause_collection"]?.time("resumes_at")
        let now = now
        update("subscription", id) {
            if let method { $0["default_payment_method"] = .string(method) }
            if let discount { $0["discounts"] = [.string(discount)] }
            if !metadata.isEmpty {
                let values = metadata.mapValues { JSONValue.string($0) }
                $0["metadata"] = .object(($0["metadata"]?.object ?? [:]).merging(values) { $1 })
            }
            if let cancels {
                $0["cancel_at_period_end"] = .bool(cancels)
                $0["cancel_at"] = cancels ? $0.items[0]["current_period_end"] : .null
                $0["canceled_at"] = cancels ? now : .null
            }
            if let pause = form["pause_collection"] {
                $0["pause_collection"] =
                    pause.members.isEmpty
                    ? .null
                    : ["behavior": .text(pause.text("behavior")), "resumes_at": .time(resumesAt)]
            }
        }
        if form.text("trial_end") == "now", subscription.string("status") == "trialing" {
            endTrial(of: id, at: time)
        }
        if !form.list("items").isEmpty { try changeItems(of: id, form, before) }
        emit("customer.subscription.updated", object("subscription", id), before: subscription)
        return .object(object("subscription", id))
    }

    /// Another price or quantity of the items.
    private mutating func changeItems(of id: String, _ form: TestStripeForm, _ before: TestStripeState)
        throws(TestStripeError)
    {
        let subscription = object("subscription", id)
        let behavior = try form.choice("payment_behavior", of: Self.behaviors) ?? "allow_incomplete"
        let change = try itemChange(of: subscription, form)
        guard let lines = change.invoiced else {
            pendingLines[id, default: []] += change.lines
            return apply(change.items, anchor: nil, to: id)
        }
        let invoice = makeInvoice(of: subscription, reason: "subscription_update", lines: lines)
        update("subscription", id) { $0["latest_invoice"] = .string(invoice) }
        if object("invoice", invoice).string("status") == "paid" {
            return apply(change.items, anchor: change.anchor, to: id)
        }
        var failure: TestStripeError?
        if behavior != "default_incomplete" {
            do throws(TestStripeError) {
                try attemptPayment(invoice, isOffSession: try form.bool("off_session") ?? false)
            } catch { failure = error }
        }
        let isPaid = object("invoice", invoice).string("status") == "paid"
        switch behavior {
        case _ where isPaid: apply(change.items, anchor: change.anchor, to: id)
        case "error_if_incomplete":
            self = before
            throw failure
                ?? TestStripeError(
                    status: 402, type: "card_error", code: "subscription_payment_intent_requires_action",
                    message: "Payment for this subscription requires additional user action.")
        case "pending_if_incomplete":
            pendingUpdates[id] = TestStripePendingUpdate(invoice: invoice, items: change.items, anchor: change.anchor)
            let expiry = time + .hours(23)
            update("subscription", id) {
                $0["pending_update"] = [
                    "billing_cycle_anchor": .null, "expires_at": .time(expiry),
                    "subscription_items": .array(change.items.map { .object($0) }), "trial_end": .null,
                    "trial_from_plan": .null,
                ]
            }
            emit("customer.subscription.pending_update_applied", object("subscription", id))
            schedule(.pendingUpdate(subscription: id, invoice: invoice), at: expiry)
        default:
            apply(change.items, anchor: change.anchor, to: id)
            setStatus("past_due", of: id)
        }
    }

    struct ItemChange {
        let items: [Members]
        /// For the next invoice.
        let lines: [TestStripeInvoiceLine]
        /// For an invoice now; nil for none.
        let invoiced: [TestStripeInvoiceLine]?
        /// The beginning of a new period; nil where the period stays.
        let anchor: Instant?
    }

    /// - Parameter form: of the subscription, or the `subscription_details` of a preview.
    private mutating func itemChange(of subscription: Members, _ form: TestStripeForm) throws(TestStripeError)
        -> ItemChange
    {
        let proration = try form.choice("proration_behavior", of: ["none", "create_prorations", "always_invoice"])
        let date = try form.time("proration_date") ?? time
        var items = subscription.items
        var credits: [TestStripeInvoiceLine] = []
        var debits: [TestStripeInvoiceLine] = []
        var startsNow = form["billing_cycle_anchor"]?.text("type") == "now"
        for change in form.list("items") {
            let item = try change.required("id")
            guard let index = items.firstIndex(where: { $0.id == item }) else {
                throw .missing("subscription_item", item, param: "items[0][id]")
            }
            let old = items[index]
            if let price = change.text("price") {
                let price = try find("price", price, param: "items[0][price]")
                guard price.currency == subscription.currency else {
                    throw .refused("You cannot change the currency of a subscription.", param: "items[0][price]")
                }
                let isOtherInterval = price["recurring"]?["interval"] != old["price"]?["recurring"]?["interval"]
                startsNow = startsNow || isOtherInterval
                items[index]["price"] = .object(price)
                items[index]["plan"] = plan(of: price, price["recurring"])
            }
            if let quantity = try change.integer("quantity") { items[index]["quantity"] = .integer(quantity) }
            guard date >= old.time("current_period_start") ?? date, date <= old.time("current_period_end") ?? date
            else {
                throw .invalid("proration_date", "The proration date must be within the current period.")
            }
            credits.append(line(of: old, isProration: true, from: date, isCredit: true))
            debits.append(line(of: items[index], isProration: true, from: date))
        }
        let isTrial = subscription.string("status") == "trialing"
        if isTrial || proration == "none" { (credits, debits) = ([], []) }
        guard startsNow, !isTrial else {
            let lines = credits + debits
            return ItemChange(
                items: items, lines: proration == "always_invoice" ? [] : lines,
                invoiced: proration == "always_invoice" && !lines.isEmpty ? lines : nil, anchor: nil)
        }
        let anchor = date
        for index in items.indices {
            items[index].setPeriod(anchor, Self.periodEnd(after: anchor, anchor: anchor, items[index]))
        }
        return ItemChange(
            items: items, lines: [], invoiced: credits + items.map { line(of: $0, isProration: false) }, anchor: anchor)
    }

    private mutating func apply(_ items: [Members], anchor: Instant?, to id: String) {
        let end = items[0].time("current_period_end") ?? time
        update("subscription", id) {
            $0.items = items
            $0["pending_update"] = .null
            if let anchor { $0["billing_cycle_anchor"] = .time(anchor) }
            if $0.flag("cancel_at_period_end") { $0["cancel_at"] = .time(end) }
        }
        if anchor != nil { schedule(.subscription(id), at: end) }
    }

    mutating func expirePendingUpdate(of id: String, _ invoice: String) {
        guard pendingUpdates[id]?.invoice == invoice else { return }
        pendingUpdates[id] = nil
        void(invoice)
        update("subscription", id) { $0["pending_update"] = .null }
        emit("customer.subscription.pending_update_expired", object("subscription", id))
        emit("customer.subscription.updated", object("subscription", id))
    }

    mutating func previewInvoice(_ form: TestStripeForm) throws(TestStripeError) -> JSONValue {
        let subscription = try find("subscription", try form.required("subscription"), param: "subscription")
        // The copy takes the changes.
        var copy = self
        let lines: [TestStripeInvoiceLine]
        if let details = form["subscription_details"], !details.list("items").isEmpty {
            let change = try copy.itemChange(of: subscription, details)
            lines = change.invoiced ?? change.lines
        } else {
            lines =
                (pendingLines[subscription.id] ?? [])
                + subscription.items.map { line(of: $0.nextPeriod, isProration: false) }
        }
        let id = copy.makeInvoice(of: subscription, reason: "upcoming", lines: lines, isDraft: true)
        var invoice = copy.object("invoice", id)
        invoice.set("id", "upcoming_\(id)")
        return .object(invoice)
    }

    // MARK: Ends

    mutating func cancelSubscription(_ id: String, _ form: TestStripeForm) throws(TestStripeError) -> JSONValue {
        let subscription = try find("subscription", id)
        guard subscription["ended_at"] == .null else { throw .missing("subscription", id) }
        if try form.bool("prorate") == true {
            let credits = subscription.items.map { line(of: $0, isProration: true, from: time, isCredit: true) }
            let invoice = makeInvoice(of: subscription, reason: "subscription_update", lines: credits)
            update("subscription", id) { $0["latest_invoice"] = .string(invoice) }
        }
        endSubscription(id)
        return .object(object("subscription", id))
    }

    /// - Parameter status: `canceled`, or `incomplete_expired`.
    mutating func endSubscription(_ id: String, status: String = "canceled") {
        pendingUpdates[id] = nil
        pendingLines[id] = nil
        if let invoice = object("subscription", id).text("latest_invoice"),
            ["incomplete", "trialing"].contains(object("subscription", id).string("status"))
        {
            void(invoice)
        }
        let now = now
        update(
            "subscription", id,
            event: status == "canceled" ? "customer.subscription.deleted" : "customer.subscription.updated"
        ) {
            $0["status"] = .string(status)
            $0["ended_at"] = now
            if $0["canceled_at"] == .null { $0["canceled_at"] = now }
            $0["cancellation_details"] = ["comment": .null, "feedback": .null, "reason": "cancellation_requested"]
        }
    }

    mutating func expireFirstPayment(of id: String) {
        guard object("subscription", id).string("status") == "incomplete" else { return }
        endSubscription(id, status: "incomplete_expired")
    }

    mutating func announceTrialEnd(of id: String) {
        guard object("subscription", id).string("status") == "trialing" else { return }
        emit("customer.subscription.trial_will_end", object("subscription", id))
    }

    mutating func resumeSubscription(_ id: String) throws(TestStripeError) -> JSONValue {
        guard try find("subscription", id).string("status") == "paused" else {
            throw .refused("Only paused subscriptions can be resumed.")
        }
        let now = now
        let time = time
        update("subscription", id) {
            $0["billing_cycle_anchor"] = now
            $0.items = $0.items.map { item in
                var item = item
                item.setPeriod(time, Self.periodEnd(after: time, anchor: time, item))
                return item
            }
        }
        let subscription = object("subscription", id)
        let invoice = makeInvoice(
            of: subscription, reason: "subscription_cycle",
            lines: subscription.items.map { line(of: $0, isProration: false) })
        update("subscription", id) { $0["latest_invoice"] = .string(invoice) }
        try attemptPayment(invoice, isOffSession: false)
        setStatus("active", of: id)
        emit("customer.subscription.resumed", object("subscription", id))
        schedule(.subscription(id), at: subscription.items[0].time("current_period_end") ?? time)
        return .object(object("subscription", id))
    }

    // MARK: Time

    /// The end of a period has come.
    mutating func renewSubscription(_ id: String, at instant: Instant) {
        let subscription = object("subscription", id)
        guard subscription["ended_at"] == .null, subscription.items[0].time("current_period_end") == instant,
            !["incomplete", "paused"].contains(subscription.string("status"))
        else { return }
        if subscription.flag("cancel_at_period_end") { return endSubscription(id) }
        if subscription.string("status") == "trialing" { return endTrial(of: id, at: instant) }
        startPeriod(of: id, at: instant)
    }

    private mutating func endTrial(of id: String, at instant: Instant) {
        let subscription = object("subscription", id)
        let method =
            subscription.text("default_payment_method") ?? defaultPaymentMethod(of: subscription.string("customer"))
        update("subscription", id) {
            $0["trial_end"] = .time(instant)
            $0["billing_cycle_anchor"] = .time(instant)
        }
        if method == nil {
            switch subscription["trial_settings"]?["end_behavior"]?["missing_payment_method"]?.string {
            case "pause":
                update("subscription", id, event: "customer.subscription.updated") { $0["status"] = "paused" }
                return emit("customer.subscription.paused", object("subscription", id))
            case "cancel": return endSubscription(id)
            default: break
            }
        }
        startPeriod(of: id, at: instant)
    }

    private mutating func startPeriod(of id: String, at instant: Instant) {
        let subscription = object("subscription", id)
        let anchor = subscription.time("billing_cycle_anchor") ?? instant
        let items = subscription.items.map { item in
            var item = item
            item.setPeriod(instant, Self.periodEnd(after: instant, anchor: anchor, item))
            return item
        }
        // The invoice of a trial is no invoice that a discount of `once` counts for.
        let isFirst = subscription.string("status") == "trialing"
        let discounts = (subscription["discounts"]?.array ?? []).filter {
            isFirst || !hasEnded(discount: $0.string ?? "", at: instant)
        }
        update("subscription", id) {
            $0.items = items
            $0["discounts"] = .array(discounts)
        }
        schedule(.subscription(id), at: items[0].time("current_period_end") ?? instant)
        let isUnpaid = subscription.string("status") == "unpaid"
        let lines = (pendingLines.removeValue(forKey: id) ?? []) + items.map { line(of: $0, isProration: false) }
        let invoice = makeInvoice(
            of: object("subscription", id), reason: "subscription_cycle", lines: lines, isDraft: isUnpaid)
        update("subscription", id) { $0["latest_invoice"] = .string(invoice) }
        emit("customer.subscription.updated", object("subscription", id), before: subscription)
        if let pause = subscription["pause_collection"], pause != .null {
            guard let resumesAt = pause["resumes_at"]?.integer, resumesAt <= instant.seconds else {
                return void(invoice)
            }
            update("subscription", id, event: "customer.subscription.updated") { $0["pause_collection"] = .null }
        }
        if !isUnpaid { collect(invoice, at: instant) }
        if object("invoice", invoice).string("status") == "paid" { setStatus("active", of: id) }
    }

    /// - Parameter coupon: `once` counts for the first invoice alone, `repeating` until an end.
    private func hasEnded(discount id: String, at instant: Instant) -> Bool {
        guard let discount = tables["discount"]?[id], let coupon = discount["source"]?["coupon"]?.string else {
            return true
        }
        if let end = discount.time("end") { return end <= instant }
        return object("coupon", coupon).string("duration") == "once"
    }

    /// An attempt to pay a renewal, and what follows where it fails.
    private mutating func collect(_ invoice: String, at instant: Instant) {
        guard object("invoice", invoice).string("status") == "open" else { return }
        do throws(TestStripeError) { try attemptPayment(invoice, isOffSession: true) } catch {}
        let after = object("invoice", invoice)
        guard after.string("status") == "open", let subscription = subscription(ofInvoice: invoice) else { return }
        if object("payment_intent", intent(ofInvoice: invoice) ?? "").string("status") == "processing" { return }
        setStatus("past_due", of: subscription)
        let failures = Int(after.integer("attempt_count"))
        if failures <= settings.retryDelays.count {
            let next = instant + settings.retryDelays[failures - 1]
            update("invoice", invoice, event: "invoice.updated") { $0["next_payment_attempt"] = .time(next) }
            return schedule(.invoice(invoice), at: next)
        }
        update("invoice", invoice) { $0["next_payment_attempt"] = .null }
        switch settings.afterRetries {
        case .unpaid: setStatus("unpaid", of: subscription)
        case .canceled: endSubscription(subscription)
        default: break
        }
    }

    mutating func retryInvoice(_ id: String, at instant: Instant) {
        guard object("invoice", id).time("next_payment_attempt") == instant,
            let subscription = subscription(ofInvoice: id), object("subscription", subscription)["ended_at"] == .null
        else { return }
        collect(id, at: instant)
    }

    /// An invoice of a subscription has been paid.
    mutating func subscriptionPaid(_ id: String, by invoice: String) {
        let subscription = object("subscription", id)
        if let update = pendingUpdates[id], update.invoice == invoice {
            pendingUpdates[id] = nil
            apply(update.items, anchor: update.anchor, to: id)
            emit("customer.subscription.pending_update_applied", object("subscription", id))
            emit("customer.subscription.updated", object("subscription", id), before: subscription)
        }
        switch subscription.string("status") {
        case "incomplete": setStatus("active", of: id)
        case "past_due", "unpaid":
            if subscription.text("latest_invoice") == invoice { setStatus("active", of: id) }
        default: break
        }
    }

    private mutating func setStatus(_ status: String, of id: String) {
        guard object("subscription", id).string("status") != status else { return }
        update("subscription", id, event: "customer.subscription.updated") { $0["status"] = .string(status) }
    }

    func listSubscriptions(_ form: TestStripeForm) throws(TestStripeError) -> JSONValue {
        let status = form.text("status")
        return try list("subscription", "/v1/subscriptions", form, where: ["customer": form.text("customer")]) {
            let own = $0.string("status")
            return switch status {
            case nil: own != "canceled"
            case "all": true
            case "ended": ["canceled", "incomplete_expired"].contains(own)
            case let status: own == status
            }
        }
    }

    // MARK: Periods

    /// A full period of an item, or the rest of it.
    private func line(of item: Members, isProration: Bool, from date: Instant? = nil, isCredit: Bool = false)
        -> TestStripeInvoiceLine
    {
        let price = item["price"]?.object ?? [:]
        let start = item.time("current_period_start") ?? time
        let end = item.time("current_period_end") ?? time
        let full = price.integer("unit_amount") * item.integer("quantity")
        let from = date ?? start
        let length = max(1, end.seconds - start.seconds)
        let amount = isProration ? Self.divided(full * (end.seconds - from.seconds), by: length) : full
        let text = isCredit ? "Unused time" : isProration ? "Remaining time" : "\(item.integer("quantity")) ×"
        return TestStripeInvoiceLine(
            amount: isCredit ? -amount : amount, description: "\(text) \(price.string("product"))", price: price,
            quantity: item.integer("quantity"), item: item.id, isProration: isProration, start: from, end: end)
    }

    /// The end of the period of an item that begins at a time, on the day of the anchor.
    static func periodEnd(after start: Instant, anchor: Instant, _ item: Members) -> Instant {
        let recurring = item["price"]?["recurring"]
        let count = recurring?["interval_count"]?.integer ?? 1
        switch recurring?["interval"]?.string {
        case "day": return start + .days(count)
        case "week": return start + .days(7 * count)
        case "year": return nextAnchor(after: start, anchor: anchor, months: 12 * count)
        default: return nextAnchor(after: start, anchor: anchor, months: count)
        }
    }

    /// The first `anchor + n × months` after `start`: from the anchor, so that 31 January is followed by 28 February
    /// and 31 March.
    private static func nextAnchor(after start: Instant, anchor: Instant, months: Int64) -> Instant {
        var count: Int64 = 1
        while true {
            let end = time(months: count * months, after: anchor)
            if end > start { return end }
            count += 1
        }
    }

    private static func time(months: Int64, after instant: Instant) -> Instant {
        let day = instant.seconds.quotient(flooredBy: 86_400)
        let date = CivilDate(dayNumber: day)
        let month = date.year * 12 + date.month - 1 + months
        let (year, number) = (month.quotient(flooredBy: 12), month.remainder(flooredBy: 12) + 1)
        let last = CivilDate.days(inMonth: number, of: year)
        let shifted = CivilDate.dayNumber(year: year, month: number, day: min(date.day, last))
        return Instant(seconds: shifted * 86_400 + instant.seconds.remainder(flooredBy: 86_400))
    }
}

extension Members {
    fileprivate mutating func setPeriod(_ start: Instant, _ end: Instant) {
        self["current_period_start"] = .time(start)
        self["current_period_end"] = .time(end)
    }

    /// An item in the period after its present one.
    fileprivate var nextPeriod: Members {
        var item = self
        let start = time("current_period_end") ?? Instant(seconds: 0)
        item.setPeriod(start, TestStripeState.periodEnd(after: start, anchor: start, self))
        return item
    }
}
