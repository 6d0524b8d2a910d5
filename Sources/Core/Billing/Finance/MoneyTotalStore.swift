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
}
