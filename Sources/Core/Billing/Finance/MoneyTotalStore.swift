import Modules

/// The SQL of totals.
extension Transaction {
    /// Adds to the totals of a currency, in the order of their names, which prevents deadlocks.
    func add(_ totals: [MoneyAccount.Name: MoneyTotal], in currency: Currency) throws {
        for (name, total) in totals.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            try execute(
                """
                INSERT INTO money_totals (currency, account, balance, movements_in, movements_out)
                VALUES (\(currency.code), \(name), \(total.balance), \(total.entered), \(total.left))
                ON CONFLICT (currency, account) DO UPDATE SET
                    balance = money_totals.balance + excluded.balance,
                    movements_in = money_totals.movements_in + excluded.movements_in,
                    movements_out = money_totals.movements_out + excluded.movements_out
                """
            )
        }
    }

    /// The totals of each currency, in the order of the codes.
    func moneyTotals() throws -> [(currency: Currency, totals: [MoneyAccount.Name: MoneyTotal])] {
        var currencies: [(currency: Currency, totals: [MoneyAccount.Name: MoneyTotal])] = []
        let rows = try all(
            """
            SELECT currency, account, balance, movements_in, movements_out FROM money_totals ORDER BY currency, account
            """
        ) { row in
            (
                currency: try Currency(stored: row["currency"]), name: try row["account"] as MoneyAccount.Name,
                total: MoneyTotal(
                    balance: try row["balance"], entered: try row["movements_in"], left: try row["movements_out"])
            )
        }
        for row in rows {
            if currencies.last?.currency != row.currency { currencies.append((row.currency, [:])) }
            currencies[currencies.count - 1].totals[row.name] = row.total
        }
        return currencies
    }
}
