import Identity
import Modules

/// Personal data of invoices. What an invoice says of its buyer is deleted; the invoice stays, under a pseudonym,
/// because its number must not be missing and its amounts are accounts of the seller.
enum InvoicePersonalData {
    static let tables = [
        PersonalDataTable(
            "invoice-buyers", in: "invoice_buyers",
            where: { "invoice_id IN (SELECT id FROM invoices WHERE organisation_id IN \(list: $0.organisations))" },
            showing: ["invoice_id", "name", "address", "email", "tax_id"], orderedBy: "invoice_id"
        ),
        PersonalDataTable(
            "invoice-lines", in: "invoice_lines",
            selection: {
                """
                SELECT invoice_id, position, description, quantity, unit_amount, discount FROM invoice_lines
                WHERE invoice_id IN (SELECT id FROM invoices WHERE organisation_id IN \(list: $0.organisations))
                ORDER BY invoice_id, position
                """
            }
        ) { _, _, _ in },
        PersonalDataTable(
            "invoice-taxes", in: "invoice_taxes",
            selection: {
                """
                SELECT invoice_id, position, name, millionths, is_inclusive, base, amount FROM invoice_taxes
                WHERE invoice_id IN (SELECT id FROM invoices WHERE organisation_id IN \(list: $0.organisations))
                ORDER BY invoice_id, position
                """
            }
        ) { _, _, _ in },
        PersonalDataTable(
            "invoices", in: "invoices",
            selection: {
                """
                SELECT id, organisation_id, kind, number, reference, currency, subtotal, discount, total, payment_id,
                    payment_method, period_start, period_end, coupon_code, issued_at
                FROM invoices WHERE organisation_id IN \(list: $0.organisations) ORDER BY issued_at, id
                """
            }
        ) { subject, pseudonym, transaction in
            for organisation in subject.organisations(as: pseudonym) {
                try transaction.renameInvoiceOwner(organisation.id, to: organisation.pseudonym)
            }
        },
        PersonalDataTable(
            "billing-details", in: "billing_details", where: { "organisation_id IN \(list: $0.organisations)" },
            showing: ["organisation_id", "name", "address", "country", "tax_id", "updated_at"],
            orderedBy: "organisation_id"
        ),
    ]
}
