import Base

/// The money of an account in one currency.
struct TestStripeAccountBalance {
    var available: Int64 = 0
    var pending: Int64 = 0
}

/// What the server has done with money of one currency, in minor units: what a ledger is compared with.
package struct TestStripeTotals: Sendable, Hashable {
    /// Captured payments, before fees.
    package var charged: Int64 = 0
    /// Less those that banks returned.
    package var refunded: Int64 = 0
    /// To connected accounts, before reversals.
    package var transferred: Int64 = 0
    package var reversed: Int64 = 0
    /// Less the disputes that were won.
    package var disputed: Int64 = 0
    package var fees: Int64 = 0
    /// Added by ``TestStripeServer/addFunds(_:)``.
    package var added: Int64 = 0

    package init(
        charged: Int64 = 0, refunded: Int64 = 0, transferred: Int64 = 0, reversed: Int64 = 0, disputed: Int64 = 0,
        fees: Int64 = 0, added: Int64 = 0
    ) {
        self.charged = charged
        self.refunded = refunded
        self.transferred = transferred
        self.reversed = reversed
        self.disputed = disputed
        self.fees = fees
        self.added = added
    }

    /// What has to be in the balance of the platform.
    package var balance: Int64 { charged + added - refunded - transferred + reversed - disputed - fees }
}

extension TestStripeState {
    static let platform = ""

    mutating func count(_ currency: String, _ body: (inout TestStripeTotals) -> Void) {
        body(&totals[currency, default: TestStripeTotals()])
    }

    /// Moves money into the platform's balance, or out of it.
    /// - Parameters:
    ///   - amount: before `fee`; negative where the balance becomes smaller.
    ///   - availableOn: nil for at once.
    /// - Returns: the id of the balance transaction.
    mutating func move(
        _ amount: Int64, fee: Int64 = 0, _ currency: String, type: String, category: String, source: String,
        availableOn: Instant? = nil, description: String? = nil
    ) -> String {
        let id = newID("txn")
        let isPending = availableOn.map { $0 > time } ?? false
        let fees: JSONValue = [
            "amount": .integer(fee), "application": .null, "currency": .string(currency),
            "description": "Stripe processing fees", "type": "stripe_fee",
        ]
        insert([
            "id": .string(id), "object": "balance_transaction", "amount": .integer(amount),
            "available_on": .integer((availableOn ?? time).seconds), "balance_type": "payments", "created": now,
            "currency": .string(currency), "description": .text(description), "exchange_rate": .null,
            "fee": .integer(fee), "fee_details": fee == 0 ? [] : [fees], "net": .integer(amount - fee),
            "reporting_category": .string(category), "source": .string(source),
            "status": isPending ? "pending" : "available", "type": .string(type),
        ])
        add(amount - fee, currency, to: Self.platform, availableOn: availableOn)
        return id
    }

    mutating func add(_ amount: Int64, _ currency: String, to account: String, availableOn: Instant? = nil) {
        if let availableOn, availableOn > time {
            balances[account, default: [:]][currency, default: TestStripeAccountBalance()].pending += amount
            schedule(.settlement(account: account, currency: currency, amount: amount), at: availableOn)
        } else {
            balances[account, default: [:]][currency, default: TestStripeAccountBalance()].available += amount
        }
    }

    mutating func settle(_ amount: Int64, _ currency: String, of account: String) {
        balances[account]?[currency]?.pending -= amount
        balances[account]?[currency]?.available += amount
    }

    func available(_ currency: String, of account: String = platform) -> Int64 {
        balances[account]?[currency]?.available ?? 0
    }

    func balance(of account: String?) -> JSONValue {
        let balances = balances[account ?? Self.platform] ?? [:]
        func amounts(_ amount: KeyPath<TestStripeAccountBalance, Int64>) -> JSONValue {
            if balances.isEmpty {
                return [["amount": 0, "currency": "usd", "source_types": ["card": 0]]]
            }
            return .array(
                balances.sorted { $0.key < $1.key }.map { currency, balance in
                    let value = JSONValue.integer(balance[keyPath: amount])
                    return ["amount": value, "currency": .string(currency), "source_types": ["card": value]]
                })
        }
        return [
            "object": "balance", "available": amounts(\.available), "livemode": false, "pending": amounts(\.pending),
        ]
    }

    func listEvents(_ form: TestStripeForm) throws(TestStripeError) -> JSONValue {
        let types = form.texts("types") + [form.text("type")].compactMap { $0 }
        guard types.count <= 20 else { throw .invalid("types", "You can specify up to 20 types.") }
        return try list("event", "/v1/events", form) { event in
            types.isEmpty
                || types.contains { $0 == "*" || $0 == event.string("type") || matches($0, event.string("type")) }
        }
    }

    /// Such as `charge.*`.
    private func matches(_ pattern: String, _ type: String) -> Bool {
        pattern.hasSuffix(".*") && type.hasPrefix(pattern.dropLast())
    }
}
