package import Identity
package import Modules

/// An issued invoice, or a credit note that corrects one. It never changes: a mistake is corrected by a credit note.
package struct Invoice: Sendable {
    package enum Kind: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        case invoice
        case creditNote = "credit_note"
    }

    package let id: ID<Invoice>
    package let kind: Kind
    /// `INV-2026-000001` or `CN-2026-000001`: without gaps within the kind, the year in UTC, and the seller.
    package let number: String
    /// `INV-20260131-0A1B2C3D`: what older clients show as the number. Unique.
    package let reference: String
    package let source: String
    /// The buyer; a pseudonym after an erasure.
    package let organisation: ID<Organisation>
    /// The invoice that a credit note corrects.
    package let corrects: ID<Invoice>?
    package let currency: Currency
    package let amounts: InvoiceAmounts
    package let seller: InvoiceParty
    /// Nil after an erasure.
    package let buyer: InvoiceParty?
    package let payment: ID<Payment>?
    package let paymentMethod: String?
    package let period: Range<Instant>?
    package let couponCode: String?
    package let issuedAt: Instant

    package var total: Money { Money(amounts.total, currency) }
}

/// A seller or a buyer, as the document names it.
package struct InvoiceParty: Sendable, Hashable {
    package let name: String
    /// Several lines; empty where it is not known.
    package let address: String
    package let email: String?
    package let taxID: String?

    package init(name: String, address: String = "", email: String? = nil, taxID: String? = nil) {
        self.name = name
        self.address = address
        self.email = email
        self.taxID = taxID
    }
}
