import Entitlements
import Identity
import Modules

/// An amount of an invoice is in major units, with the minor units beside it.
struct InvoiceLineView: Payload {
    var description: String
    var quantity: Int64
    var unitAmount: DecimalNumber
    var unitAmountMinor: Int64
    var discount: DecimalNumber
    var discountMinor: Int64
    /// After the discount; without taxes that the price does not contain.
    var amount: DecimalNumber
    var amountMinor: Int64

    init(_ line: InvoiceLine, in currency: Currency) {
        description = line.description
        quantity = line.quantity
        (unitAmount, unitAmountMinor) = (Money(line.unitAmount, currency).major, line.unitAmount)
        (discount, discountMinor) = (Money(line.discount, currency).major, line.discount)
        (amount, amountMinor) = (Money(line.amount, currency).major, line.amount)
    }
}

struct InvoiceTaxView: Payload {
    var name: String
    var percent: DecimalNumber
    /// Whether the prices contain it.
    var inclusive: Bool
    /// What the tax is on, without it.
    var base: DecimalNumber
    var baseMinor: Int64
    var amount: DecimalNumber
    var amountMinor: Int64

    init(_ tax: InvoiceAmounts.Tax, in currency: Currency) {
        name = tax.rate.name
        percent = tax.rate.percent
        inclusive = tax.rate.isInclusive
        (base, baseMinor) = (Money(tax.base, currency).major, tax.base)
        (amount, amountMinor) = (Money(tax.amount, currency).major, tax.amount)
    }
}

struct InvoicePartyView: Payload {
    var name: String
    var address: String
    var email: String?
    var taxId: String?

    init(_ party: InvoiceParty) {
        name = party.name
        address = party.address
        email = party.email
        taxId = party.taxID
    }
}

/// An invoice or a credit note without its lines.
struct InvoiceSummary: Payload {
    enum Status: String, Codable, CaseIterable, Sendable {
        case paid
        case partiallyCredited = "partially_credited"
        case credited
        /// Of a credit note.
        case issued
    }

    var id: ID<Invoice>
    var kind: Invoice.Kind
    /// Without gaps within the year.
    var number: String
    /// What older clients show as the number.
    var reference: String
    /// Nil for an erased organisation.
    var organisationId: ID<Organisation>?
    /// The invoice that a credit note corrects.
    var corrects: ID<Invoice>?
    var status: Status
    var currency: String
    /// What is to be paid or, by a credit note, is returned: the total with taxes.
    var amount: DecimalNumber
    var amountMinor: Int64
    var subtotal: DecimalNumber
    var subtotalMinor: Int64
    var discount: DecimalNumber
    var discountMinor: Int64
    var tax: DecimalNumber
    var taxMinor: Int64
    /// What credit notes return.
    var credited: DecimalNumber
    var creditedMinor: Int64
    var paymentId: ID<Payment>?
    var paymentMethod: String?
    var periodStart: Instant?
    var periodEnd: Instant?
    var couponCode: String?
    var issuedAt: Instant
    /// The path of the PDF.
    var download: String

    /// - Parameter credited: the minor units of the credit notes for it.
    init(_ invoice: Invoice, credited: Int64, folder: String = "/v1/payments/invoices") {
        let (currency, amounts) = (invoice.currency, invoice.amounts)
        id = invoice.id
        kind = invoice.kind
        number = invoice.number
        reference = invoice.reference
        organisationId = ID(invoice.organisation.text)
        corrects = invoice.corrects
        status =
            invoice.kind == .creditNote
            ? .issued : credited == 0 ? .paid : credited < amounts.total ? .partiallyCredited : .credited
        self.currency = currency.code
        (amount, amountMinor) = (invoice.total.major, amounts.total)
        (subtotal, subtotalMinor) = (Money(amounts.subtotal, currency).major, amounts.subtotal)
        (discount, discountMinor) = (Money(amounts.discount, currency).major, amounts.discount)
        (tax, taxMinor) = (Money(amounts.tax, currency).major, amounts.tax)
        (self.credited, creditedMinor) = (Money(credited, currency).major, credited)
        paymentId = invoice.payment
        paymentMethod = invoice.paymentMethod
        periodStart = invoice.period?.lowerBound
        periodEnd = invoice.period?.upperBound
        couponCode = invoice.couponCode
        issuedAt = invoice.issuedAt
        download = "\(folder)/\(invoice.id)/download"
    }
}

struct InvoiceView: Payload {
    var invoice: InvoiceSummary
    var seller: InvoicePartyView
    /// Absent after an erasure.
    var buyer: InvoicePartyView?
    var lines: [InvoiceLineView]
    var taxes: [InvoiceTaxView]
    /// For this invoice, oldest first.
    var creditNotes: [InvoiceSummary]

    init(_ invoice: Invoice, lines: [InvoiceLine], creditNotes: [Invoice]) {
        let credited = creditNotes.reduce(0) { $0 + $1.amounts.total }
        self.invoice = InvoiceSummary(invoice, credited: credited)
        seller = InvoicePartyView(invoice.seller)
        buyer = invoice.buyer.map(InvoicePartyView.init)
        self.lines = lines.map { InvoiceLineView($0, in: invoice.currency) }
        taxes = invoice.amounts.taxes.map { InvoiceTaxView($0, in: invoice.currency) }
        self.creditNotes = creditNotes.map { InvoiceSummary($0, credited: 0) }
    }
}

/// What an organisation wants on its invoices: the body and the answer of `payments/billing-details`.
struct BillingDetailsBody: Payload {
    var name: String
    /// Up to six lines.
    var address: String?
    /// An ISO 3166 code.
    var country: String?
    /// A number for taxes, such as a VAT number or GSTIN. It is not checked.
    var taxId: String?

    static let rules: [String: Rule] = [
        "name": .length(1...200), "address": .length(0...600), "country": .length(2...2), "tax_id": .length(1...40),
    ]

    init(_ details: BillingDetails) {
        name = details.name
        address = details.address
        country = details.country
        taxId = details.taxID
    }

    /// - Throws: `validation-failed`.
    func details() throws(Problem) -> BillingDetails {
        var faults: [Problem.Fault] = []
        let (name, taxID) = (DrawableText(name).trimmed, taxId.map { DrawableText($0).trimmed })
        if name.isEmpty { faults.append(Problem.Fault("/name", "must not be blank")) }
        let lines = (address ?? "").split(whereSeparator: \.isNewline).map { DrawableText(String($0)).trimmed }.filter {
            !$0.isEmpty
        }
        if lines.count > 6 { faults.append(Problem.Fault("/address", "has more than six lines")) }
        if let country, !country.utf8.allSatisfy({ (65...90).contains($0) }) {
            faults.append(Problem.Fault("/country", "is not a country code of two capitals"))
        }
        guard faults.isEmpty else { throw Problem.invalid(faults) }
        return BillingDetails(
            name: name, address: lines.joined(separator: "\n"), country: country,
            taxID: taxID.flatMap { $0.isEmpty ? nil : $0 })
    }
}

extension DrawableText {
    fileprivate var trimmed: String { logical.split(separator: " ").joined(separator: " ") }
}
