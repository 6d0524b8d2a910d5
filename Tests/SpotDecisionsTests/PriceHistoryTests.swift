import Base
import SpotDecisions
import Testing

/// Lists of prices with and without faults.
@Suite struct PriceHistoryTests {
    private static let row = "2021-03-02T01:39:35Z,c5.large,us-east-1a,0.034"

    private static func fault(_ text: String) -> PriceFault? {
        do {
            _ = try PriceHistory(csv: Array(text.utf8), now: RiskFixture.now)
            return nil
        } catch { return error }
    }

    @Test func `real prices are read`() throws {
        let history = try RiskFixture.history()
        #expect(history.prices.count == 6)
        #expect(history.prices.values.reduce(0) { $0 + $1.count } == 1118)
        #expect(history.prices[RiskFixture.p2]?.map(\.price).max() == 14_400_000)
    }

    @Test(arguments: ["", "time,price\n1,2\n", "{}", "\u{FEFF}timestamp\n", "PNG\u{0}\u{1}"])
    func `a file of other columns is no list of prices`(text: String) {
        #expect(Self.fault(text) == .notPriceList)
        #expect(PriceFault.notPriceList.description.contains(PriceHistory.header))
    }

    @Test(arguments: [
        "2021-03-02,c5.large,us-east-1a,0.034", "2021-03-02T01:39:35Z,c5.large,us-east-1a",
        "2021-03-02T01:39:35Z,c5.large,us-east-1a,0.034,1", "2021-03-02T01:39:35Z,c5 large,us-east-1a,0.034",
        "2021-03-02T01:39:35Z,c5.large,,0.034", "2021-03-02T01:39:35Z,c5.large,us-east-1a,0",
        "2021-03-02T01:39:35Z,c5.large,us-east-1a,-0.1", "2021-03-02T01:39:35Z,c5.large,us-east-1a,nan",
        "2021-03-02T01:39:35Z,c5.large,us-east-1a,1e9", "",
    ])
    func `a row with a fault is named by its line`(row: String) {
        let fault = Self.fault([PriceHistory.header, Self.row, row, Self.row].joined(separator: "\n"))
        guard case .invalidRow(line: 3, reason: _) = fault else {
            Issue.record("\(String(describing: fault))")
            return
        }
    }

    @Test func `duplicates, gaps and future times are refused with their pool and time`() throws {
        let pool = SpotPool("c5.large", "us-east-1a")
        let time = try #require(Instant("2021-03-02T01:39:35Z"))
        let header = PriceHistory.header
        #expect(Self.fault("\(header)\n\(Self.row)\n\(Self.row)\n") == .duplicate(pool, time))
        let late = "2021-03-04T01:39:36Z,c5.large,us-east-1a,0.034"
        #expect(
            Self.fault("\(header)\n\(late)\n\(Self.row)\n") == .gap(pool, from: time, to: time + .seconds(172_801)))
        let future = "2021-06-01T00:00:01Z,c5.large,us-east-1a,0.034"
        #expect(Self.fault("\(header)\n\(future)\n") == .future(pool, RiskFixture.now + .seconds(1)))
        #expect(Self.fault("\(header)\n") == .empty)
        #expect(Self.fault("\(header)\r\n\(Self.row)\r\n") == nil, "lines of other systems are read")
    }
}
