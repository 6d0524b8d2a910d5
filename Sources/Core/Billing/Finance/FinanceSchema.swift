import Modules

enum FinanceSchema {
    static let migrations = [
        Migration(
            "billing-401-totals",
            // One row for each currency and name of accounts: some dozens, which stay.
            """
            CREATE TABLE money_totals (
                currency TEXT NOT NULL CHECK (length(currency) = 3),
                account TEXT NOT NULL,
                balance \(.integer) NOT NULL,
                movements_in \(.integer) NOT NULL CHECK (movements_in >= 0),
                movements_out \(.integer) NOT NULL CHECK (movements_out >= 0),
                PRIMARY KEY (currency, account)
            ) \(.strict)
            """
        )
    ]
}
