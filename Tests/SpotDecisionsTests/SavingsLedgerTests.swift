import Base
import SpotDecisions
import Testing

/// Savings as intervals.
@Suite struct SavingsLedgerTests {
    private let start = Instant("2026-03-01T09:30:00Z")!
    private let pool = DecisionFixture.own

    @Test func `savings follow from the prices of each interval, by the hour and in total`() throws {
        var ledger = SavingsLedger()
        try ledger.record(pool, spotPrice: 36_000, onDemandPrice: 96_000, source: .aws, at: start)
        try ledger.record(pool, spotPrice: 36_000, onDemandPrice: 96_000, source: .aws, at: start + .minutes(10))
        try ledger.record(pool, spotPrice: 48_000, onDemandPrice: 96_000, source: .aws, at: start + .hours(1))
        #expect(ledger.intervals.count == 2)
        #expect(ledger.total(until: start + .hours(1)) == 60_000)
        #expect(ledger.total(until: start + .hours(2)) == 108_000)
        let hours = ledger.hours(until: start + .hours(2))
        #expect(hours.map(\.savings) == [30_000, 54_000, 24_000])
        #expect(hours.map(\.spotPrice) == [36_000, 42_000, 48_000])
        #expect(
            hours.map { $0.start.description } == [
                "2026-03-01T09:00:00Z", "2026-03-01T10:00:00Z", "2026-03-01T11:00:00Z",
            ])
    }

    @Test func `nothing is saved while the instance is not on spot, and a price above on demand costs`() throws {
        var ledger = SavingsLedger()
        #expect(ledger.total(until: start) == 0 && ledger.hours(until: start).isEmpty)
        try ledger.record(pool, spotPrice: 100_000, onDemandPrice: 96_000, source: .builtin, at: start)
        try ledger.close(at: start + .hours(1))
        try ledger.close(at: start + .hours(5))
        #expect(ledger.total(until: start + .hours(9)) == -4_000)
        try ledger.record(pool, spotPrice: 46_000, onDemandPrice: 96_000, source: .aws, at: start + .hours(4))
        #expect(ledger.total(until: start + .hours(5)) == 46_000)
        #expect(ledger.hours(until: start + .hours(5)).count == 4, "hours without spot are left out")
    }

    @Test func `hours add up to the total to the millionth`() throws {
        var ledger = SavingsLedger()
        var time = start
        for step in Int64(1)...200 {
            try ledger.record(
                pool, spotPrice: step * 7_919 % 90_001, onDemandPrice: 96_001, source: .aws, at: time)
            time = time + .seconds(step * 137 % 997 + 1)
        }
        #expect(ledger.hours(until: time).reduce(0) { $0 + $1.savings } == ledger.total(until: time))
    }

    @Test func `a time before the last one and a price out of bounds change nothing`() throws {
        var ledger = SavingsLedger()
        try ledger.record(pool, spotPrice: 1, onDemandPrice: 2, source: .aws, at: start)
        let before = ledger
        let earlier = start - .seconds(1)
        #expect(throws: SavingsFault.outOfOrder(earlier)) {
            try ledger.record(pool, spotPrice: 1, onDemandPrice: 3, source: .aws, at: earlier)
        }
        #expect(throws: SavingsFault.outOfOrder(earlier)) { try ledger.close(at: earlier) }
        #expect(throws: SavingsFault.invalidPrice) {
            try ledger.record(pool, spotPrice: -1, onDemandPrice: 3, source: .aws, at: start + .hours(1))
        }
        #expect(ledger == before)
        #expect(try SavingsLedger(ledger.intervals) == ledger)
        #expect(throws: SavingsFault.self) { try SavingsLedger(ledger.intervals + ledger.intervals) }
    }
}
