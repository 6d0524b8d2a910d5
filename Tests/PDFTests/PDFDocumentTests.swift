import Base
import PDF
import Testing

@Suite struct PDFDocumentTests {
    private let style = PDFStyle(size: 10)

    private func document() throws -> PDFDocument {
        let document = try PDFDocument(title: "A title", createdAt: Instant(seconds: 1_790_000_000))
        try document.addPage()
        return document
    }

    @Test func `the same calls make the same bytes`() throws {
        func bytes(_ text: String) throws -> [UInt8] {
            let document = try document()
            try document.canvas.draw(text, at: 50, 60, style)
            return try document.bytes()
        }
        let first = try bytes("Ährenström ₹ 1,234.50")
        #expect(first.starts(with: "%PDF-1.".utf8))
        #expect(try bytes("Ährenström ₹ 1,234.50") == first)
        #expect(try bytes("Ährenström ₹ 1,234.51") != first)
    }

    @Test(arguments: [
        "", " ", "\u{0}\u{1B}[2J\n\r\t", "😀🇩🇪", "שלום עולם", String(repeating: "x", count: 10_000),
        "\u{FFFF}\u{202E}\u{200D}", "%PDF (unbalanced \\ ( [ <", "日本語",
    ])
    func `any text is drawn or replaced`(_ text: String) throws {
        let document = try document()
        try document.canvas.draw(text, at: 50, 60, style)
        #expect(try document.lines(of: text, style, width: 100, linesMax: 3).count <= 3)
        #expect(try !document.bytes().isEmpty)
    }

    @Test func `a text is broken between words, within a long word, and shortened`() throws {
        let document = try document()
        let text = "The quick brown fox jumps over Donaudampfschifffahrtsgesellschaftskapitän"
        let lines = try document.lines(of: text, style, width: 90, linesMax: 20)
        #expect(lines.joined(separator: " ").replacing(" ", with: "") == text.replacing(" ", with: ""))
        for line in lines { #expect(try document.width(of: line, style) <= 90, "\(line)") }
        let short = try document.lines(of: text, style, width: 90, linesMax: 2)
        #expect(short.count == 2 && short[1].hasSuffix("…"))
        #expect(try document.width(of: short[1], style) <= 90)
    }

    @Test func `pages are bounded`() throws {
        let document = try document()
        for _ in 1..<PDFDocument.pagesMax { try document.addPage() }
        #expect(throws: PDFError.tooManyPages) { try document.addPage() }
    }
}
