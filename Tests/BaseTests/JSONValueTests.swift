import Base
import Foundation
import Testing

@Suite struct JSONValueTests {
    @Test func `subscripts and accessors are nil for other types`() {
        let value: JSONValue = ["list": [1, "two"], "on": true]
        #expect(value["list"]?[1]?.string == "two")
        #expect(value["list"]?[2] == nil)
        #expect(value["list"]?[-1] == nil)
        #expect(value["nothing"] == nil)
        #expect(value[0] == nil)
        #expect(value["on"]?.bool == true)
        #expect(value["on"]?.string == nil)
        #expect(value.array == nil)
    }

    @Test func `a whole number with a fraction of zero is an integer`() {
        #expect(JSONValue.number(5).integer == 5)
        #expect(JSONValue.number(5.5).integer == nil)
        #expect(JSONValue.number(1e300).integer == nil)
        #expect(JSONValue.number(9_223_372_036_854_775_808).integer == nil)
        #expect(JSONValue.number(.nan).integer == nil)
        #expect(JSONValue.integer(5).number == 5)
        #expect(JSONValue.string("5").integer == nil)
        #expect(JSONValue.bool(true).integer == nil)
        #expect(JSONValue.bool(true).number == nil)
    }

    @Test(arguments: ["0.1234567890123456789", "-12345678901234567.25", "0.1", "-2.5", "1.5e+300", "3"])
    func `coders keep the digits of a number`(_ text: String) throws {
        let value = try JSONValue(parsing: #"{"a":[\#(text)]}"#.utf8)
        let coded = try JSONEncoder().encode(value)
        #expect(String(decoding: coded, as: UTF8.self) == #"{"a":[\#(text)]}"#)
        #expect(try JSONDecoder().decode(JSONValue.self, from: coded) == value)
    }
}
