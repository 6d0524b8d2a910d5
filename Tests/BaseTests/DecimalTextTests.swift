import Base
import Testing

@Suite struct DecimalTextTests {
    @Test(arguments: [0, 7, -1, 10, 1_234_567_890, Int64.max, Int64.min])
    func `a number is appended as its description`(_ number: Int64) {
        var text = Array("n=".utf8)
        text.append(decimal: number)
        #expect(String(decoding: text, as: UTF8.self) == "n=\(number)")
    }

    @Test(arguments: [
        (0, 3, "0.000"), (7, 3, "0.007"), (12_045, 3, "12.045"), (1_000, 3, "1.000"), (250, 6, "0.000250"),
        (Int64.max, 6, "9223372036854.775807"), (-1, 3, "0.000"),
    ])
    func `a fraction has all its digits and at least one before the point`(
        _ number: Int64, _ digits: Int, _ expected: String
    ) {
        var text: [UInt8] = []
        text.append(decimal: number, fractionDigits: digits)
        #expect(String(decoding: text, as: UTF8.self) == expected)
    }

    @Test func `millionths are seconds with six decimals`() {
        #expect(DecimalText.millionths(1_500_000) == "1.500000")
        #expect(DecimalText.millionths(0) == "0.000000")
        #expect(DecimalText.millionths(Int64.max) == "9223372036854.775807")
    }
}
