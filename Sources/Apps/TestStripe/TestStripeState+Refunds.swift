import Base

extension TestStripeState {
    mutating func createRefund(_ form: TestStripeForm) throws(TestStripeError) -> JSONValue {
        let charge = try chargeOfRefund(form)
        let reason = try form.choice("reason", of: ["duplicate", "fraudulent", "requested_by_customer"])
        let amount = try form.has("amount") ? form.amount(in: charge.currency) : nil
        return .object(try refund(charge.id, amount: amount, reason: reason, metadata: try form.metadata()))
    }

    private func chargeOfRefund(_ form: TestStripeForm) throws(TestStripeError) -> Members {
        if let id = form.text("charge") { return try find("charge", id, param: "charge") }
        let id = try form.required("payment_intent")
        guard let charge = try find("payment_intent", id, param: "payment_intent").text("latest_charge"),
            object("charge", charge).flag("captured")
        else {
            throw .refused(
                "This PaymentIntent (\(id)) does not have a successful charge to refund.", param: "payment_intent")
        }
        return object("charge", charge)
    }

    /// - Parameter amount: nil for the rest.
    mutating func refund(_ charge: String, amount: Int64?, reason: String?, metadata: [String: String] = [:])
        throws(TestStripeError) -> Members
    {
        let before = object("charge", charge)
        let rest = before.integer("amount") - before.integer("amount_refunded")
        guard before.flag("captured"), rest > 0 else {
            throw .refused("Charge \(charge) has already been refunded.", code: "charge_already_refunded")
        }
        guard !isLost(before) else {
            throw .refused("Charge \(charge) has been charged back; cannot issue a refund.", code: "charge_disputed")
        }
        let amount = amount ?? rest
        guard amount <= rest else {
            throw .refused(
                "Refund amount (\(amount)) is greater than unrefunded amount on charge (\(rest))", param: "amount")
        }
        let id = newID("re")
        let transaction = move(-amount, before.currency, type: "refund", category: "refund", source: id)
        count(before.currency) { $0.refunded += amount }
        let refund: Members = [
            "id": .string(id), "object": "refund", "amount": .integer(amount),
            "balance_transaction": .string(transaction), "charge": .string(charge), "created": now,
            "currency": .string(before.currency), "destination_details": .null, "metadata": .metadata(metadata),
            "payment_intent": before["payment_intent"] ?? .null, "reason": .text(reason), "receipt_number": .null,
            "source_transfer_reversal": .null, "status": "succeeded", "transfer_reversal": .null,
        ]
        insert(refund)
        let refunded = before.integer("amount_refunded") + amount
        update("charge", charge, event: "charge.refunded") {
            $0["amount_refunded"] = .integer(refunded)
            $0["refunded"] = .bool(refunded == $0.integer("amount"))
        }
        emit("refund.created", refund)
        return refund
    }

    /// A bank returns a refund.
    mutating func failRefund(_ id: String) {
        let refund = object("refund", id)
        guard refund.string("status") == "succeeded" else { return }
        let amount = refund.integer("amount")
        let transaction = move(amount, refund.currency, type: "refund_failure", category: "refund_failure", source: id)
        count(refund.currency) { $0.refunded -= amount }
        update("refund", id, event: "refund.failed") {
            $0["status"] = "failed"
            $0["failure_reason"] = "lost_or_stolen_card"
            $0["failure_balance_transaction"] = .string(transaction)
        }
        update("charge", refund.string("charge")) {
            $0["amount_refunded"] = .integer($0.integer("amount_refunded") - amount)
            $0["refunded"] = false
        }
    }

    // MARK: Disputes

    private func isLost(_ charge: Members) -> Bool {
        tables["dispute"]?.all(where: "charge", is: charge.id).contains { $0.string("status") != "won" } ?? false
    }

    @discardableResult
    mutating func openDispute(_ charge: String, amount: Int64?, reason: String) -> String {
        let before = object("charge", charge)
        let amount = amount ?? before.integer("amount_captured") - before.integer("amount_refunded")
        let id = newID("du")
        let transaction = move(
            -amount, fee: settings.disputeFee, before.currency, type: "adjustment", category: "dispute", source: id)
        let fee = settings.disputeFee
        count(before.currency) {
            $0.disputed += amount
            $0.fees += fee
        }
        insert([
            "id": .string(id), "object": "dispute", "amount": .integer(amount),
            "balance_transactions": [.object(object("balance_transaction", transaction))], "charge": .string(charge),
            "created": now, "currency": .string(before.currency), "enhanced_eligibility_types": [],
            "evidence": Self.noEvidence,
            "evidence_details": [
                "due_by": .integer((time + .days(14)).seconds), "enhanced_eligibility": .object([:]),
                "has_evidence": false, "past_due": false, "submission_count": 0, "submission_method": "not_submitted",
            ],
            "is_charge_refundable": false, "livemode": false, "metadata": .object([:]), "network_reason_code": .null,
            "payment_intent": before["payment_intent"] ?? .null, "reason": .string(reason),
            "status": "needs_response",
        ])
        update("charge", charge, event: "charge.updated") { $0["disputed"] = true }
        emit("charge.dispute.created", object("dispute", id))
        emit("charge.dispute.funds_withdrawn", object("dispute", id))
        return id
    }

    private static let noEvidence = JSONValue.object([
        "access_activity_log": .null, "billing_address": .null, "cancellation_policy": .null,
        "customer_communication": .null, "customer_email_address": .null, "customer_name": .null,
        "enhanced_evidence": .object([:]), "product_description": .null, "receipt": .null, "refund_policy": .null,
        "service_date": .null, "service_documentation": .null, "uncategorized_text": .null,
    ])

    mutating func acceptDispute(_ id: String) throws(TestStripeError) -> JSONValue {
        guard try find("dispute", id).string("status") == "needs_response" else {
            throw .refused("This dispute is already closed.")
        }
        closeDispute(id, isWon: false)
        return .object(object("dispute", id))
    }

    mutating func closeDispute(_ id: String, isWon: Bool) {
        let dispute = object("dispute", id)
        guard !["won", "lost"].contains(dispute.string("status")) else { return }
        var transactions = dispute["balance_transactions"]?.array ?? []
        if isWon {
            let amount = dispute.integer("amount")
            let transaction = move(
                amount, dispute.currency, type: "adjustment", category: "dispute_reversal", source: id)
            count(dispute.currency) { $0.disputed -= amount }
            transactions.append(.object(object("balance_transaction", transaction)))
        }
        update("dispute", id, event: "charge.dispute.closed") {
            $0["status"] = isWon ? "won" : "lost"
            $0["balance_transactions"] = .array(transactions)
        }
        if isWon {
            emit("charge.dispute.funds_reinstated", object("dispute", id))
            update("charge", dispute.string("charge"), event: "charge.updated") { $0["disputed"] = false }
        }
    }
}
