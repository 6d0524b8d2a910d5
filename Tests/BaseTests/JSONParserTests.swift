import Base
import Foundation
import Testing

@Suite struct JSONParserTests {
    private func parsed(_ text: String) throws -> JSONValue { try JSONValue(parsing: text.utf8) }

    @Test(
        arguments: [
            ("null", .null), (" true ", .bool(true)), ("false", .bool(false)), ("0", .integer(0)), ("-0", .integer(0)),
            ("-12", .integer(-12)),
            ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
            ("9223372036854775808", .number(9_223_372_036_854_775_808)),
            ("1.5", .number(1.5)),
            ("1e3", .number(1_000)), ("-1E-2", .number(-0.01)), ("1.0", .number(1)), (#""""#, .string("")),
            ("[]", .array([])), ("{}", .object([:])),
            ("[1, [2], {\"a\": 3}]", .array([1, [2], ["a": 3]])),
            (#"{"a":{"b":null},"c":""}"#, .object(["a": ["b": .null], "c": ""])),
            ("\t\r\n[ 1 , 2 ]\n", .array([1, 2])),
            (#""\"\\\/\b\f\n\r\t""#, .string("\"\\/\u{8}\u{C}\n\r\t")),
            (#""\u00e9 é \ud83c\udca1 🂡 \u0000""#, .string("é é 🂡 🂡 \0")),
            (#""before\nafter""#, .string("before\nafter")),
        ] as [(String, JSONValue)])
    func `valid JSON is parsed`(_ text: String, _ value: JSONValue) throws {
        #expect(try parsed(text) == value)
    }

    @Test(arguments: [
        "", " ", "nul", "tru", "True", "NaN", "Infinity", "-", "+1", "01", "-01", "1.", ".5", "1e", "1e+", "0x10",
        "1_000", "[", "[1", "[1,", "[1,]", "[,1]",
        "[1 2]", "{", "{\"a\"", "{\"a\":",
        "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{a:1}", "{1:1}", "{\"a\" 1}", "{'a':1}", "'a'", "\"", "\"a", "\"\\",
        "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"",
        "\"\\u+123\"", "\"\\ud800\"",
        "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"\\ud800x\"", "\"\n\"", "\"\u{0}\"", "[] []", "{}x", "1 2",
        "// comment\n1", "\u{FEFF}1", "1e999", "-1e999",
        #"{"a":1,"a":2}"#, #"{"a":1,"\u0061":2}"#,
        "]", "}", ",", ":",
    ])
    func `invalid JSON is refused`(_ text: String) {
        #expect(throws: JSONFault.self) { try parsed(text) }
    }

    @Test(
        arguments: [
            [0x22, 0xFF, 0x22], [0x22, 0xC0, 0xAF, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0x22, 0xE2, 0x82, 0x22],
            [0xFF, 0xFE, 0x31, 0x00], [0x31, 0x00],
        ] as [[UInt8]])
    func `invalid UTF-8 is refused`(_ bytes: [UInt8]) {
        #expect(throws: JSONFault.self) { try JSONValue(parsing: bytes) }
    }

    @Test func `a fault has a reason and an offset`() {
        #expect(throws: JSONFault(reason: "a comma or the end of the array is expected", offset: 3)) {
            try parsed("[1 2]")
        }
        #expect(throws: JSONFault(reason: "a name is there twice", offset: 7)) { try parsed(#"{"a":1,"a":2}"#) }
        #expect(throws: JSONFault(reason: "it ends too early", offset: 2)) { try parsed("[1") }
    }

    @Test func `sixty-four levels are parsed, and more are refused`() throws {
        func nested(_ depth: Int, _ open: String, _ close: String) -> String {
            String(repeating: open, count: depth) + "1" + String(repeating: close, count: depth)
        }
        #expect(throws: Never.self) { try parsed(nested(64, "[", "]")) }
        #expect(throws: Never.self) { try parsed(nested(64, "{\"a\":", "}")) }
        #expect(throws: JSONFault.self) { try parsed(nested(65, "[", "]")) }
        #expect(throws: JSONFault.self) { try parsed(String(repeating: "[", count: 1_000_000)) }
        // Siblings are not depth.
        #expect(throws: Never.self) {
            try parsed("[" + Array(repeating: "[]", count: 200).joined(separator: ",") + "]")
        }
    }

    /// `JSONDecoder` takes most of a minute for a tenth of this: its time grows with the square of the size.
    @Test(.timeLimit(.minutes(1))) func `a deep and wide value is parsed in linear time`() throws {
        let wide =
            String(repeating: "[", count: 60) + Array(repeating: #""""#, count: 200_000).joined(separator: ",")
            + String(repeating: "]", count: 60)
        #expect(throws: Never.self) { try parsed(wide) }
    }

    @Test func `the text of JSONEncoder is parsed to the same value`() throws {
        let value: JSONValue = [
            "text": "é\u{2028}\"\\/\u{1F}🂡", "numbers": [0, -1, 1.5, 1e300, .number(.leastNonzeroMagnitude), 0.1],
            "nested": ["empty": [:], "list": [[], [.null, true, false]]], "": "no name",
        ]
        #expect(try JSONValue(parsing: JSONEncoder().encode(value)) == value)
        #expect(try JSONDecoder().decode(JSONValue.self, from: JSONEncoder().encode(value)) == value)
    }
}
