import Entitlements
import Identity
import Modules

/// The SQL of invoices and credit notes.
extension Transaction {
    // MARK: Numbers

    /// Locks the counter of a kind, a year and a seller until the transaction ends.
    /// - Returns: the last number; 0 before the first.
    func lockInvoiceCounter(of kind: Invoice.Kind, year: Int64, seller: String) throws -> Int64 {
        try first(
            """
            INSERT INTO invoice_counters (seller, kind, year, last) VALUES (\(seller), \(kind), \(year), 0)
            ON CONFLICT (seller, kind, year) DO UPDATE SET last = invoice_counters.last
            RETURNING last
            """
        )?["last"] ?? 0
    }

    private func setInvoiceCounter(to sequence: Int64, of invoice: Invoice) throws {
        try execute(
            """
            UPDATE invoice_counters SET last = \(sequence)
            WHERE seller = \(Invoice.seller) AND kind = \(invoice.kind) AND year = \(invoice.year)
                AND last = \(sequence - 1)
            """
        )
    }

    // MARK: Writing

    /// - Returns: false where the reference is used; nothing has been written then.
    func insert(_ invoice: Invoice, sequence: Int64, lines: [InvoiceLine]) throws -> Bool {
        let inserted = try execute(
            """
            INSERT INTO invoices (
                id, organisation_id, kind, seller, year, sequence, number, reference, source, corrects, currency,
                subtotal, discount, total, seller_name, seller_address, seller_tax_id, payment_id, payment_method,
                period_start, period_end, coupon_code, issued_at
            )
            VALUES (
                \(invoice.id), \(invoice.organisation), \(invoice.kind), \(Invoice.seller), \(invoice.year),
                \(sequence), \(invoice.number), \(invoice.reference), \(invoice.source), \(invoice.corrects),
                \(invoice.currency.code), \(invoice.amounts.subtotal), \(invoice.amounts.discount),
                \(invoice.amounts.total), \(invoice.seller.name), \(invoice.seller.address), \(invoice.seller.taxID),
                \(invoice.payment), \(invoice.paymentMethod), \(invoice.period?.lowerBound),
                \(invoice.period?.upperBound), \(invoice.couponCode), \(invoice.issuedAt)
            )
            ON CONFLICT (reference) DO NOTHING
            """
        )
        guard inserted == 1 else { return false }
        try setInvoiceCounter(to: sequence, of: invoice)
        for (position, line) in lines.enumerated() {
            try execute(
                """
                INSERT INTO invoice_lines (invoice_id, position, description, quantity, unit_amount, discount)
                VALUES (\(invoice.id), \(position), \(line.description), \(line.quantity), \(line.unitAmount),
                        \(line.discount))
                """
            )
        }
        for (position, tax) in invoice.amounts.taxes.enumerated() {
            try execute(
                """
                INSERT INTO invoice_taxes (invoice_id, position, name, millionths, is_inclusive, base, amount)
                VALUES (\(invoice.id), \(position), \(tax.rate.name), \(tax.rate.millionths), \(tax.rate.isInclusive),
                        \(tax.base), \(tax.amount))
                """
            )
        }
        if let buyer = invoice.buyer {
            try execute(
                """
                INSERT INTO invoice_buyers (invoice_id, name, address, email, tax_id)
                VALUES (\(invoice.id), \(buyer.name), \(buyer.address), \(buyer.email), \(buyer.taxID))
                """
            )
        }
        return true
    }

    /// Locks an invoice until the transaction ends, so that credit notes for it are issued one at a time.
    func lockInvoice(_ id: ID<Invoice>) throws -> Invoice? {
        guard
            try first("SELECT id FROM invoices WHERE id = \(id) AND kind = 'invoice' \(.forUpdate)") != nil
        else { return nil }
        return try firstInvoice("invoices.id = \(id)")
    }

    /// The minor units of an invoice that credit notes give to the buyer.
    func credited(of invoice: ID<Invoice>) throws -> Int64 {
        try first(
            """
            SELECT CAST(COALESCE(SUM(total), 0) AS \(.integer)) AS credited FROM invoices WHERE corrects = \(invoice)
            """
        )?["credited"] ?? 0
    }

    // MARK: Reading

    func invoice(_ id: ID<Invoice>, of organisation: ID<Organisation>) throws -> Invoice? {
        try firstInvoice("invoices.id = \(id) AND organisation_id = \(organisation)")
    }

    /// For administrators.
    func invoice(_ id: ID<Invoice>) throws -> Invoice? { try firstInvoice("invoices.id = \(id)") }

    func invoice(ofSource source: String) throws -> Invoice? { try firstInvoice("source = \(source)") }

    func invoice(of payment: ID<Payment>) throws -> Invoice? {
        try invoices(of: payment).first
    }

    /// The invoices of a payment, oldest first.
    func invoices(of payment: ID<Payment>) throws -> [Invoice] {
        try invoices(
            where: "payment_id = \(payment) AND kind = 'invoice'", "ORDER BY issued_at, year, sequence")
    }

    /// The credit notes of a refund, by their source and those that follow it.
    func creditNotes(ofRefund source: String) throws -> [Invoice] {
        try invoices(
            where: "kind = 'credit_note' AND (source = \(source) OR source LIKE \("\(source):%"))", "ORDER BY source")
    }

    func invoiceLines(of id: ID<Invoice>) throws -> [InvoiceLine] {
        try all("SELECT * FROM invoice_lines WHERE invoice_id = \(id) ORDER BY position") { row in
            InvoiceLine(
                try row["description"], quantity: try row["quantity"], unitAmount: try row["unit_amount"],
                discount: try row["discount"])
        }
    }

    /// The credit notes of an invoice, oldest first.
    func creditNotes(of id: ID<Invoice>) throws -> [Invoice] {
        try invoices(where: "corrects = \(id)", "ORDER BY sequence, invoices.id")
    }

    /// A page of documents, newest first, and the total number.
    /// - Parameter organisation: nil for those of all, which administrators read.
    func invoices(_ filter: InvoiceFilter, of organisation: ID<Organisation>?, limit: Int, offset: Int) throws -> (
        rows: [Invoice], total: Int64
    ) {
        var condition: SQL = "kind = \(filter.kind)"
        if let organisation { condition = condition + " AND organisation_id = \(organisation)" }
        if let year = filter.year { condition = condition + " AND year = \(year)" }
        if let number = filter.number {
            condition = condition + " AND (number = \(number) OR reference = \(number))"
        }
        let total = try count("SELECT COUNT(*) AS count FROM invoices WHERE \(condition)")
        let order: SQL = "ORDER BY issued_at DESC, sequence DESC LIMIT \(limit) OFFSET \(offset)"
        return (try invoices(where: condition, order), total)
    }

    /// The sums that credit notes give to the buyers, by invoice.
    func credited(of invoices: [ID<Invoice>]) throws -> [ID<Invoice>: Int64] {
        guard !invoices.isEmpty else { return [:] }
        let sums = try all(
            """
            SELECT corrects, CAST(SUM(total) AS \(.integer)) AS credited FROM invoices
            WHERE corrects IN \(list: invoices) GROUP BY corrects
            """
        ) { (try $0["corrects"] as ID<Invoice>, try $0["credited"] as Int64) }
        return Dictionary(sums) { first, _ in first }
    }

    private func firstInvoice(_ condition: SQL) throws -> Invoice? { try invoices(where: condition, "LIMIT 1").first }

    private func invoices(where condition: SQL, _ order: SQL) throws -> [Invoice] {
        let rows = try all(
            """
            SELECT invoices.*, invoice_buyers.name AS buyer_name, invoice_buyers.address AS buyer_address,
                invoice_buyers.email AS buyer_email, invoice_buyers.tax_id AS buyer_tax_id
            FROM invoices LEFT JOIN invoice_buyers ON invoice_buyers.invoice_id = invoices.id
            WHERE
            """ + " " + condition + " " + order)
        guard !rows.isEmpty else { return [] }
        let ids = try rows.map { try $0["id"] as ID<Invoice> }
        let taxes = try all(
            "SELECT * FROM invoice_taxes WHERE invoice_id IN \(list: ids) ORDER BY invoice_id, position"
        ) { row in
            (
                try row["invoice_id"] as ID<Invoice>,
                InvoiceAmounts.Tax(
                    rate: TaxRate(
                        try row["name"], millionths: try row["millionths"], isInclusive: try row["is_inclusive"]),
                    base: try row["base"], amount: try row["amount"])
            )
        }
        let byInvoice = Dictionary(grouping: taxes, by: \.0).mapValues { $0.map(\.1) }
        return try zip(ids, rows).map { try Invoice(row: $1, taxes: byInvoice[$0] ?? []) }
    }

    /// Replaces an organisation by a pseudonym. Amounts and numbers stay.
    func renameInvoiceOwner(_ organisation: ID<Organisation>, to pseudonym: String) throws {
        try execute("UPDATE invoices SET organisation_id = \(pseudonym) WHERE organisation_id = \(organisation)")
    }
}

/// Which documents a list has.
struct InvoiceFilter: Sendable {
    var kind: Invoice.Kind = .invoice
    /// In UTC.
    var year: Int?
    /// A number, or a reference.
    var number: String?
}

extension Invoice {
    /// The seller whose numbers are counted: this installation. It is a part of every key, so that another one has
    /// numbers of its own.
    static let seller = "platform"

    /// The year of the number.
    var year: Int64 { CivilDate(dayNumber: issuedAt.seconds.quotient(flooredBy: 86_400)).year }

    fileprivate init(row: Row, taxes: [InvoiceAmounts.Tax]) throws {
        id = try row["id"]
        kind = try row["kind"]
        number = try row["number"]
        reference = try row["reference"]
        source = try row["source"]
        organisation = try row["organisation_id"]
        corrects = try row["corrects"]
        currency = try Currency(stored: try row["currency"])
        amounts = InvoiceAmounts(
            subtotal: try row["subtotal"], discount: try row["discount"], taxes: taxes, total: try row["total"])
        seller = InvoiceParty(
            name: try row["seller_name"], address: try row["seller_address"], taxID: try row["seller_tax_id"])
        let name: String? = try row["buyer_name"]
        buyer = try name.map {
            InvoiceParty(
                name: $0, address: try row["buyer_address"], email: try row["buyer_email"],
                taxID: try row["buyer_tax_id"])
        }
        payment = try row["payment_id"]
        paymentMethod = try row["payment_method"]
        let (start, end): (Instant?, Instant?) = (try row["period_start"], try row["period_end"])
        period = start.flatMap { start in end.map { start..<max(start, $0) } }
        couponCode = try row["coupon_code"]
        issuedAt = try row["issued_at"]
    }
}
