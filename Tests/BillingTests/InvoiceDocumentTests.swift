import Base
import Entitlements
import Foundation
import Testing

@testable import Billing

/// The PDF as a reader sees it: its text by `pdftotext` of poppler-utils.
@Suite struct InvoiceDocumentTests {
    private let gst = TaxRate("IGST", millionths: 180_000, isInclusive: true)
    private let vat = TaxRate("VAT", millionths: 190_000, isInclusive: false)
    private let longName = String(repeating: "Donaudampfschifffahrtsgesellschaft & Søhne Ελλάδα ", count: 6)

    private func document(_ lines: [InvoiceLine], currency: String = "usd", buyer: String = "Ada Lovelace") throws
        -> InvoiceDocument
    {
        let invoice = Invoice(
            id: ID(trusted: "0194c0de-1234-7abc-89ab-0123456789ab"), kind: .invoice, number: "INV-2026-000042",
            reference: "INV-20261130-0A1B2C3D", source: "test",
            organisation: ID(trusted: "0194c0de-1234-7abc-89ab-0123456789ac"), corrects: nil,
            currency: try #require(Currency(currency)), amounts: InvoiceAmounts(lines),
            seller: InvoiceParty(name: "Gatehouse Ltd", address: "1 Example Road\nLondon", taxID: "GB123456789"),
            buyer: InvoiceParty(name: buyer, address: "Long Street 1\nBerlin", email: "ada@example.org"),
            payment: nil, paymentMethod: "Card", period: nil, couponCode: "SPRING",
            issuedAt: Instant(seconds: 1_796_000_000))
        return InvoiceDocument(invoice, lines: lines)
    }

    private func text(_ bytes: [UInt8]) throws -> (text: String, pages: Int) {
        let file = FileManager.default.temporaryDirectory.appending(path: "invoice-\(UUID().uuidString).pdf")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data(bytes).write(to: file)
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["pdftotext", "-layout", file.path, "-"]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "pdftotext is a program of the package poppler-utils")
        return (text, text.filter { $0 == "\u{C}" }.count)
    }

    @Test func `totals, discount and taxes are on the page`() throws {
        let lines = [
            InvoiceLine("Professional, yearly", unitAmount: 7_999_900, taxes: [gst]),
            InvoiceLine("Support", quantity: 2, unitAmount: 50_000, taxes: [gst]),
        ].discounted(by: 100_000)
        let (text, pages) = try text(document(lines, currency: "inr").pdf())
        for expected in [
            "INV-2026-000042", "INV-20261130-0A1B2C3D", "Gatehouse Ltd", "GB123456789", "Ada Lovelace", "79,999.00",
            "Professional, yearly", "Discount (SPRING)", "−1,000.00", "80,999.00", "included: IGST 18 % on 67,795.76",
            "12,203.24", "79,999.00 INR", "Page 1 of 1",
        ] { #expect(text.contains(expected), "\(expected) is missing in\n\(text)") }
        #expect(pages == 1)
    }

    @Test func `an exclusive tax is added, and a currency without decimals has none`() throws {
        let lines = [InvoiceLine("Plan", unitAmount: 1_000, taxes: [vat])]
        let (text, _) = try text(document(lines, currency: "jpy").pdf())
        #expect(text.contains("VAT 19 % on 1,000") && text.contains("1,190 JPY"), "\(text)")
    }

    @Test func `long names are wrapped and shortened, and many lines take more pages`() throws {
        let lines = (1...60).map { InvoiceLine("\($0). \(longName)", unitAmount: 1_000 * Int64($0), taxes: [vat]) }
        let bytes = try document(lines, buyer: longName).pdf()
        let (text, pages) = try text(bytes)
        #expect(pages > 2 && text.contains("Page \(pages) of \(pages)"))
        #expect(text.contains("60. Donau") && text.contains("…"))
        // The head of the table is on each page.
        #expect(text.ranges(of: "Unit price").count >= pages - 1)
        #expect(text.contains("18,300.00") && text.contains("21,777.00 USD"))
    }

    @Test func `the same invoice is the same file`() throws {
        let lines = [InvoiceLine("Plan", unitAmount: 999)]
        #expect(try document(lines).pdf() == document(lines).pdf())
    }
}
