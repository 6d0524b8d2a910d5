import Foundation

/// Cairo's SVG, made reproducible and readable.
struct SVGDocument {
    private(set) var text: String

    /// Cairo names the page after a counter that the whole process shares, so that no two documents would be alike.
    init(cairo bytes: [UInt8]) {
        text = String(decoding: bytes, as: UTF8.self).replacing(/id="surface[0-9]+"/, with: #"id="page""#)
    }

    /// Adds the name and description that screen readers and searches find.
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
        PlainText(text).logical.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
    }
}
