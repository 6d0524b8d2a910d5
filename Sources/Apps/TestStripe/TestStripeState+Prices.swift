import Base

extension TestStripeState {
    mutating func createProduct(_ form: TestStripeForm) throws(TestStripeError) -> JSONValue {
        let id = form.text("id") ?? newID("prod")
        if tables["product"]?[id] != nil {
            throw .refused("Product already exists.", code: "resource_already_exists", param: "id")
        }
        let product: Members = [
            "id": .string(id), "object": "product", "active": true, "created": now, "default_price": .null,
            "description": .text(form.text("description")), "images": [], "livemode": false,
            "marketing_features": [], "metadata": .metadata(try form.metadata()),
            "name": .string(try form.required("name")),
            "package_dimensions": .null, "shippable": .null, "statement_descriptor": .null, "tax_code": .null,
            "type": "service", "unit_label": .null, "updated": now, "url": .null,
        ]
        insert(product)
        emit("product.created", product)
        return .object(product)
    }

    mutating func createPrice(_ form: TestStripeForm) throws(TestStripeError) -> JSONValue {
        let currency = try form.currency()
        guard let amount = try form.integer("unit_amount"), amount >= 0 else { throw .parameterMissing("unit_amount") }
        let product = try find("product", try form.required("product"), param: "product").id
        var recurring = JSONValue.null
        if let member = form["recurring"] {
            guard let interval = try member.choice("interval", of: ["day", "week", "month", "year"]) else {
                throw .parameterMissing("recurring[interval]")
            }
            recurring = [
                "interval": .string(interval), "interval_count": .integer(try member.integer("interval_count") ?? 1),
                "meter": .null, "trial_period_days": .null, "usage_type": "licensed",
            ]
        }
        let lookupKey = form.text("lookup_key")
        if let lookupKey, let other = all("price").first(where: { $0.text("lookup_key") == lookupKey }) {
            guard try form.bool("transfer_lookup_key") == true else {
                throw .refused("A price (`\(other.id)`) already uses that lookup key.", param: "lookup_key")
            }
            update("price", other.id, event: "price.updated") { $0["lookup_key"] = .null }
        }
        let price: Members = [
            "id": .string(newID("price")), "object": "price", "active": true, "billing_scheme": "per_unit",
            "created": now, "currency": .string(currency), "custom_unit_amount": .null, "livemode": false,
            "lookup_key": .text(lookupKey), "metadata": .metadata(try form.metadata()), "nickname": .null,
            "product": .string(product), "recurring": recurring,
            "tax_behavior": .string(
                try form.choice("tax_behavior", of: ["exclusive", "inclusive", "unspecified"]) ?? "unspecified"),
            "tiers_mode": .null, "transform_quantity": .null,
            "type": recurring == .null ? "one_time" : "recurring", "unit_amount": .integer(amount),
            "unit_amount_decimal": .string("\(amount)"),
        ]
        insert(price)
        emit("price.created", price)
        return .object(price)
    }

    mutating func updatePrice(_ id: String, _ form: TestStripeForm) throws(TestStripeError) -> JSONValue {
        _ = try find("price", id)
        let isActive = try form.bool("active")
        return .object(
            update("price", id, event: "price.updated") { if let isActive { $0["active"] = .bool(isActive) } })
    }

    func listPrices(_ form: TestStripeForm) throws(TestStripeError) -> JSONValue {
        let keys = form.texts("lookup_keys")
        guard keys.count <= 10 else { throw .invalid("lookup_keys", "You can specify up to 10 lookup keys.") }
        let isActive = try form.bool("active")
        return try list("price", "/v1/prices", form, where: ["product": form.text("product")]) {
            (keys.isEmpty || keys.contains($0.text("lookup_key") ?? ""))
                && (isActive == nil || $0.flag("active") == isActive)
        }
    }

    mutating func createCoupon(_ form: TestStripeForm) throws(TestStripeError) -> JSONValue {
        let id = form.text("id") ?? newID("coupon")
        if tables["coupon"]?[id] != nil {
            throw .refused("Coupon already exists.", code: "resource_already_exists", param: "id")
        }
        let duration = try form.choice("duration", of: ["once", "repeating", "forever"]) ?? "once"
        let months = try form.integer("duration_in_months")
        guard (duration == "repeating") == (months != nil) else {
            throw .invalid("duration_in_months", "For repeating.")
        }
        var coupon: Members = [
            "id": .string(id), "object": "coupon", "amount_off": .null, "created": now, "currency": .null,
            "duration": .string(duration), "duration_in_months": months.map { .integer($0) } ?? .null,
            "livemode": false, "max_redemptions": .null, "metadata": .metadata(try form.metadata()),
            "name": .text(form.text("name")), "percent_off": .null, "redeem_by": .null, "times_redeemed": 0,
            "valid": true,
        ]
        if let text = form.text("percent_off") {
            guard let percent = Double(text), percent > 0, percent <= 100 else {
                throw .invalid("percent_off", "Invalid percentage: \(text)")
            }
            coupon["percent_off"] = .number(percent)
        } else {
            let currency = try form.currency()
            coupon["amount_off"] = .integer(try form.amount("amount_off", in: currency))
            coupon["currency"] = .string(currency)
        }
        insert(coupon)
        emit("coupon.created", coupon)
        return .object(coupon)
    }

    mutating func deleteCoupon(_ id: String) throws(TestStripeError) -> JSONValue {
        let coupon = try find("coupon", id)
        emit("coupon.deleted", coupon)
        update("coupon", id) { $0["valid"] = false }
        return ["id": .string(id), "object": "coupon", "deleted": true]
    }

    mutating func createTaxRate(_ form: TestStripeForm) throws(TestStripeError) -> JSONValue {
        guard let percentage = Double(try form.required("percentage")), (0...100).contains(percentage),
            let isInclusive = try form.bool("inclusive")
        else { throw .invalid("percentage", "A rate needs a percentage, and whether it is inclusive.") }
        let rate: Members = [
            "id": .string(newID("txr")), "object": "tax_rate", "active": true, "country": .text(form.text("country")),
            "created": now, "description": .null, "display_name": .string(try form.required("display_name")),
            "effective_percentage": .null, "flat_amount": .null, "inclusive": .bool(isInclusive), "jurisdiction": .null,
            "jurisdiction_level": .null, "livemode": false, "metadata": .metadata(try form.metadata()),
            "percentage": .number(percentage), "rate_type": "percentage", "state": .null, "tax_type": .null,
        ]
        insert(rate)
        emit("tax_rate.created", rate)
        return .object(rate)
    }
}
