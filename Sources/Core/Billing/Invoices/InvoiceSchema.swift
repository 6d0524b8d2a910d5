import Modules

enum InvoiceSchema {
    static let migrations = [
        Migration(
            "billing-301-invoices",
            // The last numbers. A row is locked by the transaction that issues the next one, so that numbers have no
            // gaps.
            """
            CREATE TABLE invoice_counters (
                seller TEXT NOT NULL,
                kind TEXT NOT NULL CHECK (kind IN ('invoice', 'credit_note')),
                year \(.integer) NOT NULL,
                last \(.integer) NOT NULL CHECK (last >= 0),
                PRIMARY KEY (seller, kind, year)
            ) \(.strict)
            """,
            // The organisation is that of the buyer, or the pseudonym of an erased one: invoices stay.
            """
            CREATE TABLE invoices (
                id TEXT PRIMARY KEY NOT NULL,
                organisation_id TEXT NOT NULL,
                kind TEXT NOT NULL CHECK (kind IN ('invoice', 'credit_note')),
                seller TEXT NOT NULL,
                year \(.integer) NOT NULL,
                sequence \(.integer) NOT NULL CHECK (sequence > 0),
                number TEXT NOT NULL,
                reference TEXT NOT NULL UNIQUE,
                source TEXT NOT NULL UNIQUE,
                corrects TEXT REFERENCES invoices (id),
                currency TEXT NOT NULL CHECK (length(currency) = 3),
                subtotal \(.integer) NOT NULL,
                discount \(.integer) NOT NULL CHECK (discount >= 0),
                total \(.integer) NOT NULL CHECK (total >= 0),
                seller_name TEXT NOT NULL,
                seller_address TEXT NOT NULL,
                seller_tax_id TEXT,
                payment_id TEXT,
                payment_method TEXT,
                period_start \(.integer),
                period_end \(.integer),
                coupon_code TEXT,
                issued_at \(.integer) NOT NULL,
                UNIQUE (seller, kind, year, sequence),
                UNIQUE (seller, number),
                CHECK ((kind = 'credit_note') = (corrects IS NOT NULL)),
                CHECK (kind = 'invoice' OR total > 0),
                CHECK ((period_start IS NULL) = (period_end IS NULL))
            ) \(.strict)
            """,
            "CREATE INDEX invoices_by_organisation ON invoices (organisation_id, kind, issued_at)",
            "CREATE INDEX invoices_by_time ON invoices (kind, issued_at)",
            "CREATE INDEX invoices_by_corrected ON invoices (corrects) WHERE corrects IS NOT NULL",
            "CREATE INDEX invoices_by_payment ON invoices (payment_id) WHERE payment_id IS NOT NULL",
            """
            CREATE TABLE invoice_lines (
                invoice_id TEXT NOT NULL REFERENCES invoices (id),
                position \(.integer) NOT NULL CHECK (position >= 0),
                description TEXT NOT NULL,
                quantity \(.integer) NOT NULL CHECK (quantity > 0),
                unit_amount \(.integer) NOT NULL,
                discount \(.integer) NOT NULL CHECK (discount >= 0),
                PRIMARY KEY (invoice_id, position)
            ) \(.strict)
            """,
            """
            CREATE TABLE invoice_taxes (
                invoice_id TEXT NOT NULL REFERENCES invoices (id),
                position \(.integer) NOT NULL CHECK (position >= 0),
                name TEXT NOT NULL,
                millionths \(.integer) NOT NULL CHECK (millionths BETWEEN 1 AND 1000000),
                is_inclusive \(.integer) NOT NULL CHECK (is_inclusive IN (0, 1)),
                base \(.integer) NOT NULL,
                amount \(.integer) NOT NULL,
                PRIMARY KEY (invoice_id, position)
            ) \(.strict)
            """,
            // Personal data, apart from the invoice: the row is deleted with the data of its organisation.
            """
            CREATE TABLE invoice_buyers (
                invoice_id TEXT PRIMARY KEY NOT NULL REFERENCES invoices (id),
                name TEXT NOT NULL,
                address TEXT NOT NULL,
                email TEXT,
                tax_id TEXT
            ) \(.strict)
            """,
            """
            CREATE TABLE billing_details (
                organisation_id TEXT PRIMARY KEY NOT NULL REFERENCES organisations (id),
                name TEXT NOT NULL,
                address TEXT NOT NULL,
                country TEXT CHECK (length(country) = 2),
                tax_id TEXT,
                updated_at \(.integer) NOT NULL
            ) \(.strict)
            """,
            "\(.refusalFunction)",
            // The organisation alone is replaced, by a pseudonym.
            """
            CREATE TRIGGER invoices_are_not_changed BEFORE UPDATE OF
                id, kind, seller, year, sequence, number, reference, source, corrects, currency, subtotal, discount,
                total, seller_name, seller_address, seller_tax_id, payment_id, payment_method, period_start, period_end,
                coupon_code, issued_at ON invoices \(.refusal)
            """,
            "CREATE TRIGGER invoices_are_not_deleted BEFORE DELETE ON invoices \(.refusal)",
            "CREATE TRIGGER invoice_lines_are_not_changed BEFORE UPDATE ON invoice_lines \(.refusal)",
            "CREATE TRIGGER invoice_lines_are_not_deleted BEFORE DELETE ON invoice_lines \(.refusal)",
            "CREATE TRIGGER invoice_taxes_are_not_changed BEFORE UPDATE ON invoice_taxes \(.refusal)",
            "CREATE TRIGGER invoice_taxes_are_not_deleted BEFORE DELETE ON invoice_taxes \(.refusal)",
            "CREATE TRIGGER invoice_buyers_are_not_changed BEFORE UPDATE ON invoice_buyers \(.refusal)"
        )
    ]
}
