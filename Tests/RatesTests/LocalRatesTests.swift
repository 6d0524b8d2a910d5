import Base
import TestKit
import Testing

@testable import Rates

@Suite struct LocalRatesTests {
    @Test func `flooding a table with strange names resets nobody, and the table does not grow`() {
        let clock = HandClock()
        let rates = Rates(.perMinute(10))
        let table = RateTable(capacity: 512)
        for _ in 0..<10 { #expect(table.take(1, from: "victim", under: rates, at: clock.now).isAdmitted) }
        var refusedNewcomers = 0
        for stranger in 0..<50_000 {
            if !table.take(1, from: "stranger \(stranger)", under: rates, at: clock.now).isAdmitted {
                refusedNewcomers += 1
            }
        }
        #expect(
            !table.take(1, from: "victim", under: rates, at: clock.now).isAdmitted,
            "still knows the one who was limited before the flood")
        #expect(refusedNewcomers > 40_000, "those without a place share one")
        clock.advance(by: .seconds(60))
        #expect(table.take(10, from: "victim", under: rates, at: clock.now).isAdmitted)
        let late = (0..<30).map { table.take(10, from: "late \($0)", under: rates, at: clock.now).isAdmitted }
        #expect(!late.contains(false), "and recovers when the flood is over")
    }

    @Test(arguments: 0..<8)
    func `a table that is far too small is stricter than the rate, never laxer`(seed: UInt64) {
        var random = SplitMix(seed: seed)
        let rates = random.rates()
        let table = RateTable(capacity: 1)
        var references: [Int: Reference] = [:]
        var now: Int64 = 1_000_000
        for _ in 0..<8_000 {
            now += Int64.random(in: 0...max(1, rates.restoration / 600), using: &random)
            let name = Int.random(in: 0..<900, using: &random)
            guard table.take(1, from: name, under: rates, at: now).isAdmitted else { continue }
            let isRight = references[name, default: Reference(rates)].take(1, at: now)
            #expect(isRight, "seed \(seed)")
        }
    }

    @Test func `limits have tables of their own`() {
        let store = LocalRates(capacity: 512, clock: { 1 })
        let rates = Rates(.perMinute(1))
        #expect(store.take(1, from: RateKey(limit: "a", subject: "x"), under: rates).isAdmitted)
        #expect(store.take(1, from: RateKey(limit: "b", subject: "x"), under: rates).isAdmitted)
        #expect(!store.take(1, from: RateKey(limit: "a", subject: "x"), under: rates).isAdmitted)
    }

    @Test func `the clock goes forward`() {
        let first = LocalRates.uptime()
        #expect(first > 0 && LocalRates.uptime() >= first)
    }
}
