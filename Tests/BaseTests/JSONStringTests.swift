import Base
import Foundation
import Testing

@Suite struct JSONStringTests {
    private func quoted(_ text: String, escapesLineSeparators: Bool = false) -> String {
        var bytes: [UInt8] = []
        bytes.append(jsonString: text, escapesLineSeparators: escapesLineSeparators)
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test func `each scalar of the first plane is escaped as by JSONEncoder`() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        for value in UInt32(0)...0xFFFF {
            guard let scalar = Unicode.Scalar(value), value < 0x300 || value % 97 == 0 || (0x2000..<0x2100) ~= value
            else { continue }
            let text = "a\(Character(scalar))z"
            #expect(quoted(text) == String(decoding: try encoder.encode(text), as: UTF8.self), "U+\(value)")
        }
    }

    @Test(arguments: ["\u{2028}", "\u{2029}", "x\u{2028}\u{2029}y", "\u{2027}\u{202A}", "é\u{E2}\u{2028}", "€"])
    func `line separators are escaped on request, and nothing else is changed`(_ text: String) throws {
        let line = quoted(text, escapesLineSeparators: true)
        #expect(!line.contains("\u{2028}") && !line.contains("\u{2029}"))
        #expect(try JSONValue(parsing: line.utf8) == .string(text))
        #expect(
            line == quoted(text).replacing("\u{2028}", with: #"\u2028"#).replacing("\u{2029}", with: #"\u2029"#))
    }
}
