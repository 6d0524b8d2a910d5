import Base
import Foundation
import SpotDecisions
import TestKit

/// Real prices of six pools.
enum RiskFixture {
    static let cases = Repository.url("Tests/Cases")
    static let file = cases.appending(path: "spot/prices.csv")
    static let now = Instant("2021-06-01T00:00:00Z")!
    static let p2 = SpotPool("p2.16xlarge", "us-east-1b")

    static func history() throws -> PriceHistory { try PriceHistory(csv: Array(Data(contentsOf: file)), now: now) }

    static func features() throws -> RiskFeatures { try shared.get() }

    private static let shared = Result {
        let history = try RiskFixture.history()
        let last = history.prices.values.compactMap { $0.last?.time }.max() ?? now
        return RiskFeatures(history, through: last)
    }

    /// A price list of one pool, with a price every six hours.
    static func list(_ prices: [Double], type: String = "c5.large", zone: String = "us-east-1a") -> String {
        let start = Instant("2021-03-01T00:00:00Z")!
        return
            ([PriceHistory.header]
            + prices.enumerated().map { "\(start + .hours(Int64(6 * $0.offset))),\(type),\(zone),\($0.element)" })
            .joined(separator: "\n") + "\n"
    }
}
