package import Modules

package enum LedgerSchema {
    package static let migrations = [
        Migration(
            "ledger-001-schema",
            """
            CREATE TABLE ledger_accounts (
                id TEXT PRIMARY KEY NOT NULL,
                owner TEXT NOT NULL,
                name TEXT NOT NULL,
                unit TEXT NOT NULL,
                may_be_negative \(.integer) NOT NULL CHECK (may_be_negative IN (0, 1)),
                balance \(.integer) NOT NULL,
                UNIQUE (owner, unit, name),
                UNIQUE (id, unit),
                CHECK (balance >= 0 OR may_be_negative = 1)
            ) \(.strict)
            """,
            """
            CREATE TABLE ledger_postings (
                id TEXT PRIMARY KEY NOT NULL,
                owner TEXT NOT NULL,
                unit TEXT NOT NULL,
                kind TEXT NOT NULL,
                operation_key TEXT NOT NULL,
                fingerprint TEXT NOT NULL,
                reason TEXT NOT NULL,
                corrects TEXT REFERENCES ledger_postings (id),
                occurred_at \(.integer) NOT NULL,
                recorded_at \(.integer) NOT NULL,
                UNIQUE (owner, operation_key),
                UNIQUE (id, unit)
            ) \(.strict)
            """,
            "CREATE INDEX ledger_postings_by_owner ON ledger_postings (owner, unit, occurred_at)",
            // A posting has at most one correction; a wrong correction is corrected itself.
            """
            CREATE UNIQUE INDEX ledger_postings_one_correction ON ledger_postings (corrects)
                WHERE corrects IS NOT NULL
            """,
            // One row is both sides of a movement, in the unit of its posting, so that all balances of a unit sum to 0.
            """
            CREATE TABLE ledger_movements (
                posting_id TEXT NOT NULL,
                number \(.integer) NOT NULL CHECK (number >= 0),
                unit TEXT NOT NULL,
                from_account TEXT NOT NULL,
                to_account TEXT NOT NULL,
                amount \(.integer) NOT NULL CHECK (amount > 0),
                subject TEXT,
                occurred_at \(.integer) NOT NULL,
                PRIMARY KEY (posting_id, number),
                FOREIGN KEY (posting_id, unit) REFERENCES ledger_postings (id, unit),
                FOREIGN KEY (from_account, unit) REFERENCES ledger_accounts (id, unit),
                FOREIGN KEY (to_account, unit) REFERENCES ledger_accounts (id, unit),
                CHECK (from_account <> to_account)
            ) \(.strict)
            """,
            "CREATE INDEX ledger_movements_out ON ledger_movements (from_account, occurred_at, amount)",
            "CREATE INDEX ledger_movements_in ON ledger_movements (to_account, occurred_at, amount)",
            "CREATE INDEX ledger_movements_by_subject ON ledger_movements (subject) WHERE subject IS NOT NULL",
            "\(.refusalFunction)",
            "CREATE TRIGGER ledger_movements_are_not_changed BEFORE UPDATE ON ledger_movements \(.refusal)",
            "CREATE TRIGGER ledger_movements_are_not_deleted BEFORE DELETE ON ledger_movements \(.refusal)"
        )
    ]
}
