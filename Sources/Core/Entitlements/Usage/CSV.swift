/// Comma-separated values (RFC 4180) without text that a spreadsheet would evaluate as a formula.
enum CSV {
    enum Field: Sendable {
        case text(String)
        case number(Int64)
    }

    static func line(_ fields: [Field]) -> String { fields.map(encoded).joined(separator: ",") + "\r\n" }

    private static func encoded(_ field: Field) -> String {
        switch field {
        case .number(let number): "\(number)"
        case .text(let text):
            isFormula(text)
                ? quoted("'" + text)
                : text.unicodeScalars.contains { "\",\r\n".unicodeScalars.contains($0) } ? quoted(text) : text
        }
    }

    /// Whether a spreadsheet would evaluate the text. Some accept full-width signs, and signs after white space.
    private static func isFormula(_ text: String) -> Bool {
        if let first = text.unicodeScalars.first, "\t\r\n".unicodeScalars.contains(first) { return true }
        return text.unicodeScalars.first { !$0.properties.isWhitespace }.map { "=+-@＝＋－＠".unicodeScalars.contains($0) }
            ?? false
    }

    private static func quoted(_ text: String) -> String { "\"" + text.replacing("\"", with: "\"\"") + "\"" }
}
