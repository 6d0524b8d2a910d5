import Base
import TestKit
import Testing

@testable import Rates

@Suite struct LocalRateStoreTests {
    @Test func `a flood of new keys resets no key, and the table does not grow`() {
        let clock = ManualClock()
        let rates = Rates(.perMinute(10))
        let table = RateTable(capacity: 512)
        for _ in 0..<10 { #expect(table.take(1, from: "limited", under: rates, at: clock.now).isAllowed) }
        var refusedNewKeys = 0
        for number in 0..<50_000 {
            if !table.take(1, from: "new \(number)", under: rates, at: clock.now).isAllowed { refusedNewKeys += 1 }
        }
        #expect(
            !table.take(1, from: "limited", under: rates, at: clock.now).isAllowed,
            "the state from before the flood is kept")
        #expect(refusedNewKeys > 40_000, "keys without a slot share one")
        clock.advance(by: .seconds(60))
        #expect(table.take(10, from: "limited", under: rates, at: clock.now).isAllowed)
        let late = (0..<30).map { table.take(10, from: "late \($0)", under: rates, at: clock.now).isAllowed }
        #expect(!late.contains(false), "the slots are free after the flood")
    }

    @Test(arguments: 0..<UInt64(TestScale.rounds(8)))
    func `a table that is far too small never allows more than the rate`(seed: UInt64) {
        var random = SplitMix(seed: seed)
        let rates = random.rates()
        let table = RateTable(capacity: 1)
        var references: [Int: ReferenceRateLimiter] = [:]
        var now: Int64 = 1_000_000
        for _ in 0..<8_000 {
            now += Int64.random(in: 0...max(1, rates.restoration / 600), using: &random)
            let name = Int.random(in: 0..<900, using: &random)
            guard table.take(1, from: name, under: rates, at: now).isAllowed else { continue }
            let isWithinRate = references[name, default: ReferenceRateLimiter(rates)].take(1, at: now)
            #expect(isWithinRate, "seed \(seed)")
        }
    }

    @Test func `a state that another store decided is the start of a key`() {
        let clock = ManualClock()
        let store = LocalRateStore(capacity: 512, clock: { clock.now })
        let rates = Rates(.perMinute(10), .perHour(100))
        let key = RateKey(limit: "a", subject: "x")
        #expect(store.arrivalTimes(of: key) == nil)
        store.raise(key, to: ArrivalTimes(clock.now + 60_000_000, clock.now + 360_000_000, 0, 0))
        #expect(!store.take(1, from: key, under: rates).isAllowed)
        store.raise(key, to: ArrivalTimes(clock.now, clock.now, 0, 0))
        #expect(!store.take(1, from: key, under: rates).isAllowed, "a state is never lowered")
        clock.advance(by: .seconds(6))
        #expect(store.take(1, from: key, under: rates).isAllowed)
        #expect(!store.take(1, from: key, under: rates).isAllowed)
        #expect(store.take(10, from: RateKey(limit: "a", subject: "y"), under: rates).isAllowed)
    }

    @Test func `each limit has its own table`() {
        let store = LocalRateStore(capacity: 512, clock: { 1 })
        let rates = Rates(.perMinute(1))
        #expect(store.take(1, from: RateKey(limit: "a", subject: "x"), under: rates).isAllowed)
        #expect(store.take(1, from: RateKey(limit: "b", subject: "x"), under: rates).isAllowed)
        #expect(!store.take(1, from: RateKey(limit: "a", subject: "x"), under: rates).isAllowed)
    }

    @Test func `the clock is monotonic`() {
        let first = LocalRateStore.uptime()
        #expect(first > 0 && LocalRateStore.uptime() >= first)
    }
}
