import Base
import Foundation

/// Post-processes Cairo's SVG: makes it reproducible and adds accessible text.
struct SVGDocument {
    private(set) var text: String

    /// Cairo names the page after a process-wide counter, so that equal drawings would give unequal documents.
    init(cairo bytes: [UInt8]) {
        text = String(decoding: bytes, as: UTF8.self).replacing(/id="surface[0-9]+"/, with: #"id="page""#)
    }

    /// Adds the title and description that assistive technology and searches use.
    func titled(_ title: String, description: [String]) -> SVGDocument {
        guard let root = text.range(of: "<svg "), let end = text[root.upperBound...].firstIndex(of: ">") else {
            return self
        }
        let lines = description.filter { !$0.isEmpty }.map(Self.escaped).joined(separator: "\n")
        let words = "\n<title>\(Self.escaped(title))</title>\n<desc>\(lines)</desc>"
        var document = self
        document.text.insert(contentsOf: words, at: text.index(after: end))
        document.text.insert(contentsOf: #"role="img" "#, at: root.upperBound)
        return document
    }

    private static func escaped(_ text: String) -> String {
        DrawableText(text).logical.escapedForMarkup
    }
}
