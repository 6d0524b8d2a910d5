import Base

/// Which transfers a payout of a connected account to its bank settles.
extension TestStripeState {
    /// Transfers to an account that no other payout to its bank has, from the oldest to the newest.
    func unsettledTransfers(to account: String, _ currency: String) -> [String] {
        let settled = Set(
            payoutTransfers.filter { object("payout", $0.key).string("status") != "failed" }.values.joined())
        return all("transfer")
            .filter {
                $0.text("destination") == account && $0.currency == currency && !$0.flag("reversed")
                    && !settled.contains($0.id)
            }
            .map(\.id)
    }

    func listBalanceTransactions(of account: String?, _ form: TestStripeForm) throws(TestStripeError) -> JSONValue {
        let filter = ["type": form.text("type"), "source": form.text("source"), "currency": form.text("currency")]
        guard let account else {
            return try list("balance_transaction", "/v1/balance_transactions", form, where: filter)
        }
        guard let payout = form.text("payout"), payoutAccounts[payout] == account else {
            throw .missing("payout", form.text("payout") ?? "", param: "payout")
        }
        let isExpanded = form.texts("expand").contains("data.source")
        let transactions = (payoutTransfers[payout] ?? []).map { id -> JSONValue in
            let transfer = object("transfer", id)
            let payment = transfer.string("destination_payment")
            let (amount, currency) = (transfer["amount"] ?? 0, transfer["currency"] ?? "usd")
            var source = Self.charge(
                payment, amount: transfer.integer("amount"), transfer.currency,
                created: transfer.time("created") ?? time)
            source["source_transfer"] = .string(id)
            return [
                "id": .string("txn_\(payment.dropFirst(3))"), "object": "balance_transaction", "amount": amount,
                "available_on": transfer["created"] ?? 0, "balance_type": "payments",
                "created": transfer["created"] ?? 0, "currency": currency, "description": .null,
                "exchange_rate": .null, "fee": 0, "fee_details": [], "net": amount, "reporting_category": "charge",
                "source": isExpanded ? .object(source) : .string(payment), "status": "available", "type": "payment",
            ]
        }
        return .list(transactions, url: "/v1/balance_transactions")
    }
}
