package import Base
import CHaru

/// A PDF document of A4 pages with text and lines, made in memory. The same calls make the same bytes.
///
/// Lengths are points (1/72 inch), measured from the upper left corner of a page. Text is drawn on one line: control
/// characters are replaced, and characters beyond U+FFFF, which libharu does not encode, are drawn as U+FFFD.
///
/// The first use of a font reads its file, so documents are made on threads that may block.
package final class PDFDocument {
    package enum Alignment: Sendable { case left, right, center }

    package static let pageWidth = 595.0
    package static let pageHeight = 842.0
    package static let pagesMax = 200

    private let document: HPDF_Doc
    private var fonts: [PDFFont: HPDF_Font] = [:]
    private var pages: [HPDF_Page] = []

    /// - Parameter createdAt: written into the document; the time of the machine is not.
    /// - Throws: ``PDFError``.
    package init(title: String, createdAt: Instant) throws(PDFError) {
        // Without a handler, libharu keeps the status of the first error, which `bytes()` reports.
        guard let document = HPDF_New(nil, nil) else { throw .library(status: UInt(HPDF_FAILD_TO_ALLOC_MEM)) }
        self.document = document
        HPDF_SetCompressionMode(document, HPDF_UINT(HPDF_COMP_ALL))
        HPDF_UseUTFEncodings(document)
        HPDF_SetCurrentEncoder(document, Self.encoding)
        // Titles are written in Latin-1 or UTF-16; the plain letters are enough for one.
        HPDF_SetInfoAttr(document, HPDF_INFO_TITLE, String(title.unicodeScalars.filter(\.isASCII).map(Character.init)))
        HPDF_SetInfoDateAttr(document, HPDF_INFO_CREATION_DATE, HPDF_Date(createdAt))
        try check()
    }

    deinit { HPDF_Free(document) }

    package var pageCount: Int { pages.count }

    // MARK: Pages

    /// Begins a page; what is drawn from now on is on it.
    /// - Throws: ``PDFError/tooManyPages``, ``PDFError/library(status:)``.
    package func addPage() throws(PDFError) {
        guard pages.count < Self.pagesMax else { throw .tooManyPages }
        guard let page = HPDF_AddPage(document) else { throw failure }
        HPDF_Page_SetWidth(page, HPDF_REAL(Self.pageWidth))
        HPDF_Page_SetHeight(page, HPDF_REAL(Self.pageHeight))
        pages.append(page)
    }

    /// Draws on every page, such as page numbers.
    /// - Parameter body: gets the number of the page, from 1.
    package func onEachPage(_ body: (_ number: Int, Canvas) throws(PDFError) -> Void) throws(PDFError) {
        for (index, page) in pages.enumerated() { try body(index + 1, Canvas(document: self, page: page)) }
    }

    /// The canvas of the last page.
    package var canvas: Canvas {
        guard let page = pages.last else { preconditionFailure("there is a page before something is drawn") }
        return Canvas(document: self, page: page)
    }

    // MARK: Text

    /// The width of a text on one line.
    package func width(of text: String, _ style: PDFStyle) throws(PDFError) -> Double {
        // A width that libharu computes is that of the font in 1/1000 of its size.
        let bytes = Array(Self.drawable(text).utf8)
        guard !bytes.isEmpty else { return 0 }
        let font = try font(style.font)
        return bytes.withUnsafeBufferPointer {
            Double(HPDF_Font_TextWidth(font, $0.baseAddress, HPDF_UINT($0.count)).width)
        }
            * style.size / 1_000
    }

    /// The lines of a text of at most a width. It is broken between words, and within a word that is longer than a
    /// line.
    /// - Parameter linesMax: where there would be more, the last one ends in an ellipsis.
    package func lines(of text: String, _ style: PDFStyle, width: Double, linesMax: Int) throws(PDFError) -> [String] {
        var lines: [String] = []
        var line = ""
        for word in DrawableText(text).logical.split(separator: " ") {
            var rest = Substring(word)
            while true {
                let candidate = line.isEmpty ? String(rest) : "\(line) \(rest)"
                if try self.width(of: candidate, style) <= width {
                    line = candidate
                    break
                }
                guard line.isEmpty else {
                    lines.append(line)
                    line = ""
                    continue
                }
                let head = try longestPrefix(of: rest, style, width: width)
                lines.append(String(head))
                rest = rest.dropFirst(head.count)
            }
        }
        if !line.isEmpty { lines.append(line) }
        guard lines.count > linesMax else { return lines }
        let last = try shortened("\(lines[linesMax - 1])…", style, width: width)
        return lines.prefix(linesMax - 1) + [last]
    }

    /// The text, or its beginning with an ellipsis where it is wider.
    package func shortened(_ text: String, _ style: PDFStyle, width: Double) throws(PDFError) -> String {
        var text = DrawableText(text).logical
        guard try self.width(of: text, style) > width else { return text }
        if text.hasSuffix("…") { text.removeLast() }
        while !text.isEmpty, try self.width(of: "\(text)…", style) > width { text.removeLast() }
        return "\(text)…"
    }

    /// At least one character.
    private func longestPrefix(of text: Substring, _ style: PDFStyle, width: Double) throws(PDFError) -> Substring {
        var count = 1
        while count < text.count, try self.width(of: String(text.prefix(count + 1)), style) <= width { count += 1 }
        return text.prefix(count)
    }

    // MARK: Bytes

    /// The finished document.
    /// - Throws: ``PDFError/library(status:)``, also for an error of an earlier call.
    package func bytes() throws(PDFError) -> [UInt8] {
        try check()
        HPDF_SaveToStream(document)
        try check()
        var size = HPDF_GetStreamSize(document)
        HPDF_ResetStream(document)
        let bytes = [UInt8](unsafeUninitializedCapacity: Int(size)) { buffer, count in
            HPDF_ReadFromStream(document, buffer.baseAddress, &size)
            count = Int(size)
        }
        try check()
        return bytes
    }

    // MARK: Shared

    private static let encoding = "UTF-8"

    fileprivate func font(_ font: PDFFont) throws(PDFError) -> HPDF_Font {
        if let known = fonts[font] { return known }
        guard let name = HPDF_LoadTTFontFromFile(document, font.path, HPDF_BOOL(HPDF_TRUE)) else {
            throw .fontMissing(path: font.path)
        }
        guard let loaded = HPDF_GetFont(document, name, Self.encoding) else { throw failure }
        fonts[font] = loaded
        return loaded
    }

    fileprivate static func drawable(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                DrawableText(text).visual.unicodeScalars.map { $0.value > 0xFFFF ? "\u{FFFD}" : $0 }))
    }

    private var failure: PDFError { .library(status: UInt(HPDF_GetError(document))) }

    private func check() throws(PDFError) {
        if HPDF_GetError(document) != HPDF_STATUS(HPDF_OK) { throw failure }
    }

    /// One page, to be drawn on.
    package struct Canvas {
        fileprivate let document: PDFDocument
        fileprivate let page: HPDF_Page

        /// Draws a text on one line.
        /// - Parameters:
        ///   - x: the left end, the middle or the right end, by the alignment.
        ///   - y: the baseline.
        package func draw(
            _ text: String, at x: Double, _ y: Double, _ style: PDFStyle, _ alignment: Alignment = .left
        ) throws(PDFError) {
            let width = alignment == .left ? 0 : try document.width(of: text, style)
            let left = alignment == .left ? x : alignment == .right ? x - width : x - width / 2
            let font = try document.font(style.font)
            HPDF_Page_SetGrayFill(page, HPDF_REAL(style.gray))
            HPDF_Page_BeginText(page)
            HPDF_Page_SetFontAndSize(page, font, HPDF_REAL(style.size))
            HPDF_Page_TextOut(page, HPDF_REAL(left), HPDF_REAL(PDFDocument.pageHeight - y), PDFDocument.drawable(text))
            HPDF_Page_EndText(page)
            try document.check()
        }

        /// Draws a horizontal line.
        package func drawLine(from left: Double, to right: Double, at y: Double, width: Double = 0.5, gray: Double = 0)
            throws(PDFError)
        {
            HPDF_Page_SetGrayStroke(page, HPDF_REAL(gray))
            HPDF_Page_SetLineWidth(page, HPDF_REAL(width))
            HPDF_Page_MoveTo(page, HPDF_REAL(left), HPDF_REAL(PDFDocument.pageHeight - y))
            HPDF_Page_LineTo(page, HPDF_REAL(right), HPDF_REAL(PDFDocument.pageHeight - y))
            HPDF_Page_Stroke(page)
            try document.check()
        }
    }
}

extension HPDF_Date {
    /// In UTC.
    fileprivate init(_ instant: Instant) {
        let days = instant.seconds.quotient(flooredBy: 86_400)
        let (date, time) = (CivilDate(dayNumber: days), instant.seconds - days * 86_400)
        self.init(
            year: HPDF_INT(date.year), month: HPDF_INT(date.month), day: HPDF_INT(date.day),
            hour: HPDF_INT(time / 3_600), minutes: HPDF_INT(time / 60 % 60), seconds: HPDF_INT(time % 60),
            ind: CChar(UInt8(ascii: "Z")), off_hour: 0, off_minutes: 0)
    }
}
