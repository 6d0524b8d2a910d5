import CHaru

/// A PDF document of pages with text, lines and images.
package struct PDFDocument {
    package init() {}
}
