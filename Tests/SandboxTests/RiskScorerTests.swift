import AWS
import Base
import Foundation
import SpotDecisions
import TestKit
import Testing

@testable import Sandbox

/// Where probabilities come from.
@Suite struct RiskScorerTests {
    private static let now = Instant("2021-05-01T12:00:00Z") ?? Instant(seconds: 0)
    private static let zones = ["us-east-1a", "us-east-1b", "us-east-1f"]

    private static func prices() throws -> [SpotPrice] {
        let start = now - .days(7)
        let prices = try String(contentsOf: TestAWS.pricesFile, encoding: .utf8).split(separator: "\n").dropFirst()
            .compactMap { line -> SpotPrice? in
                let fields = line.split(separator: ",")
                guard fields.count == 4, fields[1].hasPrefix("c5."), let time = Instant(String(fields[0])),
                    time <= now, time >= start, let price = SpotPrice.microdollars(fields[3])
                else { return nil }
                return SpotPrice(
                    instanceType: String(fields[1]), availabilityZone: String(fields[2]), product: "Linux/UNIX",
                    time: time, microdollars: price)
            }
        return prices.sorted { $0.time > $1.time }
    }

    private static func query(_ prices: [SpotPrice], usesFamilyStress: Bool = true) -> RiskScorer.Query {
        RiskScorer.Query(
            candidates: zones.compactMap { BuiltinTables().candidate(SpotPool("c5.large", $0)) }, prices: prices,
            version: "v2.1.0", usesFamilyStress: usesFamilyStress, time: now)
    }

    @Test func `a trained model scores the candidates from the prices of seven days`() throws {
        let scorer = RiskScorer(production: { .embedded })
        let prices = try Self.prices()
        let scores = scorer.scores(Self.query(prices))
        #expect(Set(scores.keys) == Set(Self.zones.map { SpotPool("c5.large", $0) }))
        #expect(scores.values.allSatisfy { (0...1).contains($0) })
        // Equal prices, a repeated one and one of the future give equal scores.
        let future = SpotPrice(
            instanceType: "c5.large", availabilityZone: "us-east-1a", product: "Linux/UNIX",
            time: Self.now + .hours(1), microdollars: 1)
        let first = try #require(prices.first)
        #expect(scorer.scores(Self.query([future, first] + prices)) == scores)
    }

    @Test func `a pool with a gap has no score, and the others keep theirs`() throws {
        let scorer = RiskScorer(production: { .embedded })
        let pool = SpotPool("c5.large", "us-east-1a")
        let prices = try Self.prices()
        let gap = (Self.now - .days(4))...(Self.now - .days(1))
        let without = prices.filter {
            $0.instanceType != pool.instanceType || $0.availabilityZone != pool.availabilityZone
                || !gap.contains($0.time)
        }
        let scores = scorer.scores(Self.query(without, usesFamilyStress: false))
        #expect(scores[pool] == nil)
        #expect(scores.count == Self.zones.count - 1)
    }

    @Test func `without a history the built-in tables answer`() {
        let query = Self.query([])
        #expect(
            RiskScorer(production: { .embedded }).scores(query) == BuiltinTables().risk(of: query.candidates))
    }
}
