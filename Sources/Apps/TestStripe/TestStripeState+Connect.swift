import Base

extension TestStripeState {
    private static let whatIsDue: JSONValue = ["external_account", "individual.first_name", "tos_acceptance.date"]

    mutating func createAccount(_ form: TestStripeForm) throws(TestStripeError) -> JSONValue {
        let id = newID("acct")
        let country = form.text("country") ?? "US"
        let account: Members = [
            "id": .string(id), "object": "account", "business_profile": .null, "business_type": .null,
            "capabilities": ["transfers": "inactive"], "charges_enabled": false,
            "controller": [
                "fees": ["payer": "application"], "is_controller": true, "losses": ["payments": "application"],
                "requirement_collection": "stripe", "stripe_dashboard": ["type": "express"], "type": "application",
            ],
            "country": .string(country), "created": now, "default_currency": .string(country == "US" ? "usd" : "eur"),
            "details_submitted": false, "email": .text(form.text("email")),
            "external_accounts": .list([], url: "/v1/accounts/\(id)/external_accounts"),
            "metadata": .metadata(try form.metadata()), "payouts_enabled": false,
            "requirements": requirements(due: Self.whatIsDue, disabled: "requirements.past_due"),
            "settings": .null, "tos_acceptance": ["date": .null, "ip": .null, "user_agent": .null], "type": "none",
        ]
        insert(account)
        return .object(account)
    }

    private func requirements(due: JSONValue, disabled reason: String?) -> JSONValue {
        [
            "alternatives": [], "current_deadline": .null, "currently_due": due, "disabled_reason": .text(reason),
            "errors": [], "eventually_due": due, "past_due": due, "pending_verification": [],
        ]
    }

    mutating func deleteAccount(_ id: String) throws(TestStripeError) -> JSONValue {
        _ = try find("account", id)
        guard (balances[id] ?? [:]).values.allSatisfy({ $0.available == 0 && $0.pending == 0 }) else {
            throw .refused("You cannot delete an account with a balance.", code: "account_invalid")
        }
        update("account", id, event: "account.application.deauthorized", account: id) {
            $0["capabilities"] = ["transfers": "inactive"]
            $0["payouts_enabled"] = false
        }
        return ["id": .string(id), "object": "account", "deleted": true]
    }

    /// The owner of an account has told what is required, or Stripe restricts it.
    /// - Parameter disabledReason: nil for an account that is enabled.
    mutating func setAccount(_ id: String, disabledReason: String?) {
        let isEnabled = disabledReason == nil
        let requirements = requirements(due: isEnabled ? [] : Self.whatIsDue, disabled: disabledReason)
        update("account", id, event: "account.updated", account: id) {
            $0["details_submitted"] = true
            $0["charges_enabled"] = .bool(isEnabled)
            $0["payouts_enabled"] = .bool(isEnabled)
            $0["capabilities"] = ["transfers": isEnabled ? "active" : "inactive"]
            $0["requirements"] = requirements
        }
    }

    mutating func createAccountLink(_ form: TestStripeForm) throws(TestStripeError) -> JSONValue {
        let account = try find("account", try form.required("account"), param: "account").id
        _ = try form.required("refresh_url")
        _ = try form.required("return_url")
        guard try form.choice("type", of: ["account_onboarding", "account_update"]) != nil else {
            throw .parameterMissing("type")
        }
        return [
            "object": "account_link", "created": now, "expires_at": .integer((time + .minutes(5)).seconds),
            "url": .string("https://connect.stripe.com/setup/\(account)/\(newID("link"))"),
        ]
    }

    mutating func createLoginLink(_ id: String) throws(TestStripeError) -> JSONValue {
        guard try find("account", id).flag("details_submitted") else {
            throw .refused("Cannot create a login link for an account that has not completed onboarding.")
        }
        return [
            "object": "login_link", "created": now,
            "url": .string("https://connect.stripe.com/express/\(id)/\(newID("link"))"),
        ]
    }

    // MARK: Transfers

    mutating func createTransfer(_ form: TestStripeForm) throws(TestStripeError) -> JSONValue {
        let currency = try form.currency()
        let amount = try form.amount(in: currency)
        let destination = try form.required("destination")
        guard let account = tables["account"]?[destination] else {
            throw .missing("destination", destination, param: "destination")
        }
        guard account["capabilities"]?["transfers"]?.string == "active" else {
            throw .refused(
                "Your destination account needs to have at least one of the following capabilities enabled: transfers.",
                code: "insufficient_capabilities_for_transfer")
        }
        let metadata = try form.metadata()
        var availableOn: Instant?
        if let source = form.text("source_transaction") {
            let charge = try find("charge", source, param: "source_transaction")
            let used = all("transfer").filter { $0.text("source_transaction") == source }
                .reduce(0) { $0 + $1.integer("amount") - $1.integer("amount_reversed") }
            guard charge.currency == currency, charge.flag("captured"),
                used + amount <= charge.integer("amount_captured")
            else { throw .refused("The amount is more than the source charge.", param: "amount") }
            availableOn = charge.text("balance_transaction").flatMap {
                object("balance_transaction", $0).time("available_on")
            }
        } else {
            guard available(currency) >= amount else {
                throw .refused(
                    "You have insufficient available funds in your Stripe account.", code: "balance_insufficient")
            }
        }
        let id = newID("tr")
        let transaction = move(
            -amount, currency, type: "transfer", category: "transfer", source: id, availableOn: availableOn)
        add(amount, currency, to: destination, availableOn: availableOn)
        count(currency) { $0.transferred += amount }
        let transfer: Members = [
            "id": .string(id), "object": "transfer", "amount": .integer(amount), "amount_reversed": 0,
            "balance_transaction": .string(transaction), "created": now, "currency": .string(currency),
            "description": .text(form.text("description")), "destination": .string(destination),
            "destination_payment": .string(newID("py")), "livemode": false, "metadata": .metadata(metadata),
            "reversals": .list([], url: "/v1/transfers/\(id)/reversals"), "reversed": false,
            "source_transaction": .text(form.text("source_transaction")), "source_type": "card",
            "transfer_group": .text(form.text("transfer_group")),
        ]
        insert(transfer)
        emit("transfer.created", transfer)
        return .object(transfer)
    }

    mutating func reverseTransfer(_ id: String, _ form: TestStripeForm) throws(TestStripeError) -> JSONValue {
        let transfer = try find("transfer", id)
        let rest = transfer.integer("amount") - transfer.integer("amount_reversed")
        let amount = try form.has("amount") ? form.amount(in: transfer.currency) : rest
        guard rest > 0, amount <= rest else {
            throw .refused(
                "Transfer reversal amount (\(amount)) is greater than unreversed amount on transfer (\(rest))",
                code: "transfer_reversal_amount_too_large", param: "amount")
        }
        let account = transfer.string("destination")
        guard available(transfer.currency, of: account) >= amount else {
            throw .refused(
                "The connected account has insufficient available funds for this reversal.",
                code: "balance_insufficient")
        }
        let metadata = try form.metadata()
        let reversal = newID("trr")
        let transaction = move(
            amount, transfer.currency, type: "transfer_refund", category: "transfer_reversal", source: reversal)
        add(-amount, transfer.currency, to: account)
        count(transfer.currency) { $0.reversed += amount }
        let members: Members = [
            "id": .string(reversal), "object": "transfer_reversal", "amount": .integer(amount),
            "balance_transaction": .string(transaction), "created": now, "currency": .string(transfer.currency),
            "destination_payment_refund": .string(newID("pyr")), "metadata": .metadata(metadata),
            "source_refund": .null, "transfer": .string(id),
        ]
        insert(members)
        update("transfer", id, event: "transfer.reversed") {
            let reversed = $0.integer("amount_reversed") + amount
            $0["amount_reversed"] = .integer(reversed)
            $0["reversed"] = .bool(reversed == $0.integer("amount"))
            let data = [.object(members)] + ($0["reversals"]?["data"]?.array ?? [])
            $0["reversals"] = .list(data, url: "/v1/transfers/\(id)/reversals")
        }
        return .object(members)
    }

    func listReversals(of id: String, _ form: TestStripeForm) throws(TestStripeError) -> JSONValue {
        try list(
            "transfer_reversal", "/v1/transfers/\(id)/reversals", form, where: ["transfer": find("transfer", id).id])
    }

    // MARK: Payouts

    /// Money of an account leaves for its bank.
    mutating func payOut(_ amount: Int64, _ currency: String, of account: String) throws(TestStripeError) -> String {
        guard available(currency, of: account) >= amount else {
            throw .refused("You have insufficient funds in your Stripe account.", code: "balance_insufficient")
        }
        let id = newID("po")
        payoutTransfers[id] = unsettledTransfers(to: account, currency)
        add(-amount, currency, to: account)
        let payout: Members = [
            "id": .string(id), "object": "payout", "amount": .integer(amount), "application_fee": .null,
            "application_fee_amount": .null, "arrival_date": .integer((time + .days(2)).seconds), "automatic": true,
            "balance_transaction": .string(newID("txn")), "created": now, "currency": .string(currency),
            "description": "STRIPE PAYOUT", "destination": .string(newID("ba")), "failure_balance_transaction": .null,
            "failure_code": .null, "failure_message": .null, "livemode": false, "metadata": .object([:]),
            "method": "standard", "original_payout": .null, "reconciliation_status": "in_progress",
            "reversed_by": .null, "source_type": "card", "statement_descriptor": .null, "status": "in_transit",
            "trace_id": .null, "type": "bank_account",
        ]
        insert(payout)
        payoutAccounts[id] = account
        emit("payout.created", payout, account: account)
        return id
    }

    /// The bank accepts a payout, or returns it.
    mutating func finishPayout(_ id: String, isPaid: Bool) {
        let account = payoutAccounts[id]
        let payout = object("payout", id)
        guard ["in_transit", "paid"].contains(payout.string("status")), !isPaid || payout.string("status") != "paid"
        else { return }
        if !isPaid { add(payout.integer("amount"), payout.currency, to: account ?? Self.platform) }
        let returned = newID("txn")
        update("payout", id, event: isPaid ? "payout.paid" : "payout.failed", account: account) {
            $0["status"] = isPaid ? "paid" : "failed"
            guard !isPaid else { return }
            $0["failure_code"] = "account_closed"
            $0["failure_message"] = "The bank account has been closed."
            $0["failure_balance_transaction"] = .string(returned)
        }
    }

    func payout(_ id: String, of account: String?) throws(TestStripeError) -> JSONValue {
        guard payoutAccounts[id] == account else { throw .missing("payout", id) }
        return .object(try find("payout", id))
    }

    func listPayouts(of account: String?, _ form: TestStripeForm) throws(TestStripeError) -> JSONValue {
        try list("payout", "/v1/payouts", form, where: ["status": form.text("status")]) {
            payoutAccounts[$0.id] == account
        }
    }
}
