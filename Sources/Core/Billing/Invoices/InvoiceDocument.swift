import Entitlements
import Modules
import PDF

/// An invoice or a credit note as PDF: A4, with the table of lines on as many pages as it takes.
struct InvoiceDocument: Sendable {
    private let invoice: Invoice
    private let lines: [InvoiceLine]
    private let corrected: String?

    /// - Parameter corrected: the number of the invoice that a credit note corrects.
    init(_ invoice: Invoice, lines: [InvoiceLine], correcting corrected: String? = nil) {
        self.invoice = invoice
        self.lines = lines
        self.corrected = corrected
    }

    // MARK: Layout, in points

    private static let left = 50.0
    private static let right = PDFDocument.pageWidth - 50
    private static let top = 60.0
    /// Where the text of a page ends; the page number is below it.
    private static let bottom = PDFDocument.pageHeight - 70
    /// The right ends of the columns of numbers.
    private static let quantityRight = 335.0
    private static let priceRight = 405.0
    private static let discountRight = 470.0
    private static let descriptionWidth = 255.0

    private static let title = PDFStyle(.bold, size: 18)
    private static let name = PDFStyle(.bold, size: 11)
    private static let body = PDFStyle(size: 9.5)
    private static let label = PDFStyle(size: 8, gray: 0.4)
    private static let heading = PDFStyle(.bold, size: 8.5)
    private static let sum = PDFStyle(.bold, size: 11)

    /// - Throws: `PDFError`.
    func pdf() throws(PDFError) -> [UInt8] {
        let document = try PDFDocument(title: invoice.number, createdAt: invoice.issuedAt)
        try document.addPage()
        var y = try drawHead(on: document)
        y = try drawParties(on: document, from: y + 24)
        y = try drawLines(on: document, from: y + 28)
        try drawSums(on: document, from: y + 14)
        try document.onEachPage { number, canvas throws(PDFError) in
            try canvas.draw(
                "\(invoice.number) · Page \(number) of \(document.pageCount)", at: PDFDocument.pageWidth / 2,
                PDFDocument.pageHeight - 36, Self.label, .center)
        }
        return try document.bytes()
    }

    // MARK: Parts

    /// - Returns: the baseline of the last line.
    private func drawHead(on document: PDFDocument) throws(PDFError) -> Double {
        let kind = invoice.kind == .invoice ? "Invoice" : "Credit note"
        try document.canvas.draw(kind, at: Self.left, Self.top, Self.title)
        var y = Self.top
        var facts = [("Number", invoice.number), ("Reference", invoice.reference), ("Date", day(invoice.issuedAt))]
        if let corrected { facts.append(("For invoice", corrected)) }
        if let period = invoice.period {
            facts.append(("Period", "\(day(period.lowerBound)) – \(day(period.upperBound))"))
        }
        if let method = invoice.paymentMethod {
            facts.append((invoice.kind == .invoice ? "Paid by" : "Returned by", method))
        }
        for (label, value) in facts {
            try document.canvas.draw(label, at: 330, y, Self.label)
            for line in try document.lines(of: value, Self.body, width: Self.right - 395, linesMax: 2) {
                try document.canvas.draw(line, at: Self.right, y, Self.body, .right)
                y += Self.body.leading
            }
        }
        return y
    }

    private func drawParties(on document: PDFDocument, from start: Double) throws(PDFError) -> Double {
        let seller = try draw(invoice.seller, as: "From", at: Self.left, start, on: document)
        let erased = InvoiceParty(name: "The buyer's data has been erased.")
        let buyer = try draw(invoice.buyer ?? erased, as: "Billed to", at: 300, start, on: document)
        return max(seller, buyer)
    }

    private func draw(
        _ party: InvoiceParty, as role: String, at x: Double, _ start: Double, on document: PDFDocument
    ) throws(PDFError) -> Double {
        let width = 240.0
        try document.canvas.draw(role, at: x, start, Self.label)
        var y = start + Self.name.leading
        for line in try document.lines(of: party.name, Self.name, width: width, linesMax: 3) {
            try document.canvas.draw(line, at: x, y, Self.name)
            y += Self.name.leading
        }
        var texts = party.address.split(whereSeparator: \.isNewline).prefix(6).map(String.init)
        if let taxID = party.taxID { texts.append("Tax number: \(taxID)") }
        if let email = party.email { texts.append(email) }
        for text in texts {
            for line in try document.lines(of: text, Self.body, width: width, linesMax: 2) {
                try document.canvas.draw(line, at: x, y, Self.body)
                y += Self.body.leading
            }
        }
        return y
    }

    private func drawLines(on document: PDFDocument, from start: Double) throws(PDFError) -> Double {
        var y = try drawTableHead(on: document, at: start)
        for line in lines {
            let description = try document.lines(
                of: line.description, Self.body, width: Self.descriptionWidth, linesMax: 4)
            let height = Double(max(1, description.count)) * Self.body.leading + 6
            if y + height > Self.bottom { y = try beginPage(of: document) }
            for (index, text) in description.enumerated() {
                try document.canvas.draw(text, at: Self.left, y + Double(index) * Self.body.leading, Self.body)
            }
            let discount = line.discount == 0 ? "" : "−\(amount(line.discount))"
            for (text, right) in [
                (grouped("\(line.quantity)"), Self.quantityRight), (amount(line.unitAmount), Self.priceRight),
                (discount, Self.discountRight), (amount(line.amount), Self.right),
            ] { try document.canvas.draw(text, at: right, y, Self.body, .right) }
            y += height
            try document.canvas.drawLine(
                from: Self.left, to: Self.right, at: y - Self.body.leading + 1, width: 0.3, gray: 0.8)
        }
        return y
    }

    /// - Returns: the baseline of the first row.
    private func drawTableHead(on document: PDFDocument, at y: Double) throws(PDFError) -> Double {
        try document.canvas.draw("Description", at: Self.left, y, Self.heading)
        for (text, right) in [
            ("Quantity", Self.quantityRight), ("Unit price", Self.priceRight), ("Discount", Self.discountRight),
            ("Amount \(invoice.currency.code.uppercased())", Self.right),
        ] { try document.canvas.draw(text, at: right, y, Self.heading, .right) }
        try document.canvas.drawLine(from: Self.left, to: Self.right, at: y + 5, width: 0.8)
        return y + 5 + Self.body.leading + 3
    }

    private func beginPage(of document: PDFDocument) throws(PDFError) -> Double {
        try document.addPage()
        return try drawTableHead(on: document, at: Self.top)
    }

    private func drawSums(on document: PDFDocument, from start: Double) throws(PDFError) {
        let amounts = invoice.amounts
        var rows: [(text: String, value: String, style: PDFStyle)] = [
            ("Subtotal", amount(amounts.subtotal), Self.body)
        ]
        if amounts.discount > 0 {
            let code = invoice.couponCode.map { " (\($0))" } ?? ""
            rows.append(("Discount\(code)", "−\(amount(amounts.discount))", Self.body))
        }
        for tax in amounts.taxes {
            let how = tax.rate.isInclusive ? "included: " : ""
            rows.append(
                ("\(how)\(tax.rate.name) \(tax.rate.percent) % on \(amount(tax.base))", amount(tax.amount), Self.body))
        }
        let currency = invoice.currency.code.uppercased()
        let total = invoice.kind == .invoice ? "Total paid" : "Total returned"
        rows.append((total, "\(amount(amounts.total)) \(currency)", Self.sum))
        // The sums stay together.
        let height = rows.reduce(4) { $0 + $1.style.leading + 3 }
        var y = start
        if y + height > Self.bottom {
            try document.addPage()
            y = Self.top
        }
        for row in rows {
            if row.style == Self.sum {
                y += 4
                try document.canvas.drawLine(from: 250, to: Self.right, at: y - row.style.leading + 2, width: 0.8)
            }
            let text = try document.shortened(row.text, row.style, width: 215)
            try document.canvas.draw(text, at: 250, y, row.style)
            try document.canvas.draw(row.value, at: Self.right, y, row.style, .right)
            y += row.style.leading + 3
        }
    }

    // MARK: Texts

    private func day(_ instant: Instant) -> String {
        "\(CivilDate(dayNumber: instant.seconds.quotient(flooredBy: 86_400)))"
    }

    private func amount(_ minorUnits: Int64) -> String { grouped(Money(minorUnits, invoice.currency).text) }

    /// With a comma between each three digits before the point.
    private func grouped(_ number: String) -> String {
        let digits = number.prefix { $0 != "." }
        var text = ""
        for (index, digit) in digits.reversed().enumerated() {
            if index > 0, index % 3 == 0, digit != "-" { text.append(",") }
            text.append(digit)
        }
        return String(text.reversed()) + number.dropFirst(digits.count)
    }
}
