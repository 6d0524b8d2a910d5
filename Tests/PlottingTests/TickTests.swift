import Testing

@testable import Plotting

@Suite struct TickTests {
    private struct Row {
        let lower: Double
        let upper: Double
        let count: Int
        let labels: String
        let factor: String?

        init(_ lower: Double, _ upper: Double, _ count: Int, _ labels: String, _ factor: String? = nil) {
            (self.lower, self.upper, self.count, self.labels, self.factor) = (lower, upper, count, labels, factor)
        }
    }

    private static let rows = [
        Row(0, 10, 5, "0 2 4 6 8 10"),
        Row(0, 1, 5, "0.0 0.2 0.4 0.6 0.8 1.0"),
        Row(0, 1, 10, "0.0 0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9 1.0"),
        Row(-1, 1, 4, "−1.0 −0.5 0.0 0.5 1.0"),
        Row(-0.3, 0.3, 3, "−0.2 0.0 0.2"),
        Row(3, 97, 5, "20 40 60 80"),
        Row(0, 100, 2, "0 50 100"),
        Row(1_000, 9_000, 4, "2000 4000 6000 8000"),
        Row(0, 40_000, 4, "0 10\u{202F}000 20\u{202F}000 30\u{202F}000 40\u{202F}000"),
        Row(0, 5e6, 5, "0 1 2 3 4 5", "×10⁶"),
        Row(0, 1.2e-7, 3, "0.0 0.5 1.0", "×10⁻⁷"),
        Row(-2e-5, 2e-5, 4, "−2 −1 0 1 2", "×10⁻⁵"),
        Row(1e9, 1e9 + 10, 2, "1.000000000 1.000000005 1.000000010", "×10⁹"),
    ]

    @Test(arguments: rows.indices) func `ticks are round numbers`(index: Int) {
        let row = Self.rows[index]
        let ticks = Ticks.numbers(in: Extent(row.lower, row.upper), about: row.count)
        #expect(ticks.marks.map(\.label).joined(separator: " ") == row.labels)
        #expect(ticks.factor == row.factor)
    }

    static let extents: [(Double, Double)] = [
        (0, 1), (-1e308, 1e308), (1e-300, 2e-300), (0, .leastNonzeroMagnitude), (5, 5), (0, 0), (-3e-200, -3e-200),
        (1e15, 1e15 + 0.5), (-7, 1e290), (1e-280, 1e-279),
        (.greatestFiniteMagnitude, .greatestFiniteMagnitude),
    ]

    @Test(arguments: extents)
    func `any extent has between two and thirty ticks inside of it, in order, with labels that differ`(
        lower: Double, upper: Double
    ) {
        let extent = Extent(lower, upper, margin: 0.05)
        for count in [-1, 0, 1, 2, 3, 5, 8, 12] {
            let ticks = Ticks.numbers(in: extent, about: count)
            #expect((2...30).contains(ticks.marks.count))
            #expect(zip(ticks.marks, ticks.marks.dropFirst()).allSatisfy { $0.value < $1.value })
            #expect(Set(ticks.marks.map(\.label)).count == ticks.marks.count)
            let slack = extent.width * 1e-5
            #expect(ticks.marks.allSatisfy { $0.value >= extent.lower - slack && $0.value <= extent.upper + slack })
        }
    }

    @Test func `ticks are exactly the numbers of their labels`() {
        #expect(
            Ticks.numbers(in: Extent(0, 1), about: 10).marks.map(\.value) == [
                0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1,
            ])
    }

    @Test func `an extent ignores values that are not finite`() {
        #expect(Extent(of: [.nan, 2, .infinity, 8, -.infinity]) == Extent(2, 8))
        #expect(Extent(of: [Double.nan, .infinity]) == nil)
        #expect(Extent(of: [Double]()) == nil)
    }

    @Test func `an extent of one value has a margin`() {
        #expect(Extent(50, 50) == Extent(45, 55))
        #expect(Extent(0, 0) == Extent(-1, 1))
        #expect(Extent(-20, -20) == Extent(-22, -18))
    }

    static let numbers: [(Double, String)] = [
        (0, "0"), (1, "1"), (1234.5678, "1235"), (-0.5, "−0.5"), (0.00123456, "0.001235"), (12.0, "12"),
        (99_999.9, "100\u{202F}000"),
        (123_456, "123\u{202F}456"), (1_234_567, "1.235×10⁶"), (-4.2e-9, "−4.2×10⁻⁹"), (.nan, "–"), (.infinity, "–"),
    ]

    @Test(arguments: numbers)
    func `numbers have four digits`(value: Double, text: String) {
        #expect(NumberText.short(value) == text)
    }
}
