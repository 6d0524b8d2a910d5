import Modules

/// Conditions of invoices that hold in every committed state of the database.
enum InvoiceInvariants {
    static let all: [Invariant] = [
        Invariant(
            "the numbers of invoices have a gap, or their counter differs",
            """
            SELECT counters.seller, counters.kind, counters.year, counters.last, numbers.count, numbers.highest
            FROM invoice_counters AS counters LEFT JOIN (
                SELECT seller, kind, year, COUNT(*) AS count, MAX(sequence) AS highest FROM invoices
                GROUP BY seller, kind, year
            ) AS numbers
                ON numbers.seller = counters.seller AND numbers.kind = counters.kind AND numbers.year = counters.year
            WHERE COALESCE(numbers.count, 0) <> counters.last OR COALESCE(numbers.highest, 0) <> counters.last
            """
        ),
        Invariant(
            "the sums of an invoice are not what its lines and taxes add up to",
            """
            SELECT invoices.id, invoices.number, subtotal, discount, total, lines.subtotal_of_lines,
                lines.discount_of_lines, taxes.added
            FROM invoices LEFT JOIN (
                SELECT invoice_id, CAST(SUM(quantity * unit_amount) AS \(.integer)) AS subtotal_of_lines,
                    CAST(SUM(discount) AS \(.integer)) AS discount_of_lines
                FROM invoice_lines GROUP BY invoice_id
            ) AS lines ON lines.invoice_id = invoices.id LEFT JOIN (
                SELECT invoice_id, CAST(SUM(CASE WHEN is_inclusive = 1 THEN 0 ELSE amount END) AS \(.integer)) AS added
                FROM invoice_taxes GROUP BY invoice_id
            ) AS taxes ON taxes.invoice_id = invoices.id
            WHERE NOT COALESCE(
                subtotal = lines.subtotal_of_lines AND discount = lines.discount_of_lines
                AND total = subtotal - discount + COALESCE(taxes.added, 0), false)
            """
        ),
        Invariant(
            "credit notes return more than their invoice was for, or are in another currency",
            """
            SELECT invoices.id, invoices.number, invoices.total, notes.credited FROM invoices JOIN (
                SELECT corrects, CAST(SUM(total) AS \(.integer)) AS credited, MIN(currency) AS lowest,
                    MAX(currency) AS highest
                FROM invoices WHERE corrects IS NOT NULL GROUP BY corrects
            ) AS notes ON notes.corrects = invoices.id
            WHERE notes.credited > invoices.total OR notes.lowest <> invoices.currency
                OR notes.highest <> invoices.currency OR invoices.kind <> 'invoice'
            """
        ),
    ]
}
