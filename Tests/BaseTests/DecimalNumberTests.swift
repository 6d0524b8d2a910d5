import Base
import Testing

@Suite struct DecimalNumberTests {
    @Test(
        arguments: [
            ("0", 0, 0), ("-0", 0, 0), ("199.5", 1_995, 1), ("199.50", 1_995, 1), ("0.01", 1, 2),
            ("-12.340", -1_234, 2),
            ("1e2", 100, 0), ("1.25E+1", 125, 1), ("5e-3", 5, 3), ("100", 100, 0),
            ("999999999999999999", 999_999_999_999_999_999, 0),
            ("0.000000000000000001", 1, 18), ("1.0000000000000000000000", 1, 0),
        ] as [(String, Int64, Int)])
    func `a number of JSON is parsed exactly`(_ text: String, _ units: Int64, _ digits: Int) throws {
        let number = try #require(DecimalNumber(text))
        #expect(number.units == units && number.fractionDigits == digits)
    }

    @Test(arguments: [
        "", "-", ".5", "5.", "1.2.3", "1,5", "1e", "e5", "1e5000", "0x10", "NaN", "1_000", " 1", "١",
        "1234567890123456789", "0.1234567890123456789", "1e18", "1e-19",
    ])
    func `any other text, and a number of more than 18 digits, is none`(_ text: String) {
        #expect(DecimalNumber(text) == nil)
    }

    @Test func `a number is written with its digits`() {
        #expect("\(DecimalNumber(1_995, fractionDigits: 1))" == "199.5")
        #expect("\(DecimalNumber(-5, fractionDigits: 3))" == "-0.005")
        #expect("\(DecimalNumber(19_900, fractionDigits: 2))" == "199")
        #expect(DecimalNumber(1_995, fractionDigits: 1).text(fractionDigits: 2) == "199.50")
        #expect(DecimalNumber(0).text(fractionDigits: 3) == "0.000")
    }

    @Test func `the digits that were sent decide, not those of a Double`() throws {
        let value = try JSONValue(parsing: "199.50000000000000001".utf8)
        #expect(value == .decimal("199.50000000000000001") && value.number == 199.5)
        #expect(DecimalNumber(json: value) == DecimalNumber("199.50000000000000001"))
        #expect(DecimalNumber(json: try JSONValue(parsing: "0.1".utf8)) == DecimalNumber(1, fractionDigits: 1))
        #expect(DecimalNumber(json: try JSONValue(parsing: "1.0".utf8)) == DecimalNumber(1))
        #expect(DecimalNumber(json: try JSONValue(parsing: "9007199254740993.5".utf8))?.units == 90_071_992_547_409_935)
        #expect(DecimalNumber(json: try JSONValue(parsing: "123456789012345678901.5".utf8)) == nil)
        #expect(DecimalNumber(json: "1") == nil)
    }

    @Test(
        arguments: [
            ("usd", "199.5", 19_950), ("jpy", "500", 500), ("kwd", "1.234", 1_234), ("usd", "1e3", 100_000),
            ("usd", "1.234", nil), ("jpy", "0.5", nil), ("kwd", "0.0001", nil), ("jpy", "5.0", 5),
            ("usd", "999999999999999999", nil),
        ] as [(String, String, Int64?)])
    func `an amount has at most the decimals of its currency`(_ code: String, _ text: String, _ minor: Int64?) throws {
        let currency = try #require(Currency(code))
        #expect(Money(major: try #require(DecimalNumber(text)), currency)?.minorUnits == minor)
    }

    @Test func `an amount is shown with all decimals of its currency`() throws {
        func text(_ units: Int64, _ code: String) throws -> String { Money(units, try #require(Currency(code))).text }
        #expect(try text(19_950, "usd") == "199.50")
        #expect(try text(-5, "usd") == "-0.05")
        #expect(try text(500, "jpy") == "500")
        #expect(try text(1_234, "kwd") == "1.234")
        #expect("\(Money(100, try #require(Currency("EUR"))))" == "1.00 EUR")
    }
}
