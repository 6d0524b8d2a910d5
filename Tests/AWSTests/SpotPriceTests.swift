import AWS
import Testing

@Suite struct SpotPriceTests {
    @Test(
        arguments: [
            ("0", 0), ("0.034000", 34_000), ("0.00001", 10), ("14.4", 14_400_000), ("1.", nil), (".5", nil),
            ("-0.1", nil),
            ("0.0340001", nil), ("0.03400000", 34_000), ("999999.999999", 999_999_999_999), ("1000000", nil),
            ("1e3", nil),
            ("", nil), ("0,5", nil), (" 1", nil), ("0.5.5", nil), ("٣", nil), (String(repeating: "9", count: 40), nil),
            ("0." + String(repeating: "0", count: 19), nil),
        ] as [(String, Int64?)])
    func `a price is read exactly, in millionths of a dollar`(_ text: String, _ expected: Int64?) {
        #expect(SpotPrice.microdollars(text) == expected)
    }
}
