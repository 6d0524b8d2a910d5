/// A font of documents: DejaVu Sans, which has Latin, Greek and Cyrillic letters, Arabic, Hebrew and most symbols of
/// currencies. Its glyphs are embedded.
package enum PDFFont: Sendable, CaseIterable {
    case regular, bold

    var path: String {
        switch self {
        case .regular: "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
        case .bold: "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf"
        }
    }
}

/// A font in a size.
package struct PDFStyle: Sendable, Hashable {
    package let font: PDFFont
    /// In points.
    package let size: Double
    /// From 0 (black) to 1 (white).
    package let gray: Double

    package init(_ font: PDFFont = .regular, size: Double, gray: Double = 0) {
        self.font = font
        self.size = size
        self.gray = gray
    }

    /// The distance of two lines of text.
    package var leading: Double { size * 1.35 }
}
