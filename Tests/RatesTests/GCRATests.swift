import Base
import TestKit
import Testing

@testable import Rates

@Suite struct GCRATests {
    @Test(arguments: 0..<UInt64(TestScale.rounds(30)))
    func `random sequences are decided as the definition of a rate decides them`(seed: UInt64) {
        var random = SplitMix(seed: seed)
        let rates = random.rates()
        var (gcra, reference) = (GCRA(), ReferenceRateLimiter(rates))
        var now: Int64 = 1_000_000
        for step in 0..<150 {
            // Often at the same time, sometimes just before the interval ends or at its end, sometimes long after.
            let interval = rates.all.randomElement(using: &random)?.interval ?? 1
            now +=
                [0, 0, 1, interval - 1, interval, interval * Int64.random(in: 1...40, using: &random)].randomElement(
                    using: &random) ?? 0
            let cost = Int.random(in: 0...3, using: &random) == 0 ? Int64.random(in: 1...32, using: &random) : 1
            let expected = reference.allows(cost, at: now)
            let before = gcra
            let decision = gcra.take(cost, at: now, under: rates)
            #expect(decision.isAllowed == expected, "seed \(seed), step \(step)")
            guard !expected else {
                _ = reference.take(cost, at: now)
                continue
            }
            #expect(gcra == before, "a refused request changes nothing")
            let wait = decision.wait(under: rates)
            #expect(wait > 0)
            if rates.all.allSatisfy({ cost <= $0.burst }) {
                #expect(
                    reference.allows(cost, at: now + wait) && !reference.allows(cost, at: now + wait - 1),
                    "the wait is exact")
            }
        }
    }

    @Test(arguments: 0..<20)
    func `a request of cost n equals n requests of cost 1`(seed: UInt64) {
        var random = SplitMix(seed: seed)
        let rates = random.rates()
        var (one, many) = (GCRA(), GCRA())
        var now: Int64 = 5_000_000
        for _ in 0..<200 {
            now += Int64.random(in: 0...2_000_000, using: &random)
            let cost = Int64.random(in: 1...5, using: &random)
            guard one.take(cost, at: now, under: rates).isAllowed else { continue }
            for _ in 0..<cost { #expect(many.take(1, at: now, under: rates).isAllowed) }
            #expect(one == many)
        }
    }

    @Test func `after a pause exactly the burst is allowed, then one unit per interval`() {
        let rates = Rates(.perMinute(10))
        var gcra = GCRA()
        let start: Int64 = 90 * 86_400_000_000
        for unit in 0..<10 {
            let decision = gcra.take(1, at: start, under: rates)
            #expect(decision.isAllowed)
            #expect(decision.remaining(of: 0, under: rates) == Int64(9 - unit))
            #expect(decision.timeUntilReset(0) == Int64(unit + 1) * 6_000_000)
        }
        let refused = gcra.take(1, at: start, under: rates)
        #expect(
            !refused.isAllowed && refused.wait(under: rates) == 6_000_000
                && refused.remaining(of: 0, under: rates) == 0)
        #expect(!gcra.take(1, at: start + 5_999_999, under: rates).isAllowed)
        #expect(gcra.take(1, at: start + 6_000_000, under: rates).isAllowed)
        #expect(!gcra.take(1, at: start + 6_000_000, under: rates).isAllowed)
    }

    @Test func `units are taken from all rates or from none`() {
        let rates = Rates(.perMinute(10), .perHour(15))
        var gcra = GCRA()
        for _ in 0..<10 { #expect(gcra.take(1, at: 1, under: rates).isAllowed) }
        #expect(!gcra.take(1, at: 1, under: rates).isAllowed)
        // A minute later the shorter window is reset; the longer one has five units left and refills a quarter a
        // minute.
        let decisions = (0..<10).map { _ in gcra.take(1, at: 60_000_001, under: rates) }
        #expect(decisions.filter(\.isAllowed).count == 5)
        let last = decisions[9]
        #expect(last.remaining(of: 0, under: rates) == 5, "refused requests take nothing from the other rate")
        #expect(last.wait(under: rates) == 180_000_000)
    }

    @Test func `a cost above the burst is refused without overflow`() {
        let rates = Rates(.perDay(5), .perMinute(3))
        var gcra = GCRA()
        for cost in [4, 6, .max] as [Int64] {
            let decision = gcra.take(cost, at: 1, under: rates)
            #expect(!decision.isAllowed && decision.wait(under: rates) > 0)
        }
        #expect(gcra == GCRA())
    }

    @Test(arguments: 0..<20)
    func `a clock that is set back allows no extra units and refuses no longer than the restoration`(seed: UInt64) {
        var random = SplitMix(seed: seed)
        let rates = random.rates()
        var gcra = GCRA()
        // `time` is monotonic; the clock that GCRA is given is set back now and then and catches up.
        var (time, error): (Int64, Int64) = (1 << 50, 0)
        var reference = ReferenceRateLimiter(rates)
        for _ in 0..<400 {
            time += Int64.random(in: 0...rates.restoration / 4, using: &random)
            if Int.random(in: 0...20, using: &random) == 0 {
                error -= Int64.random(in: 0...rates.restoration * 3, using: &random)
            }
            guard gcra.take(1, at: time + error, under: rates).isAllowed else { continue }
            let isWithinRate = reference.take(1, at: time)
            #expect(isWithinRate, "seed \(seed)")
        }
        #expect(!reference.allowed.isEmpty)
        let far = gcra.last - 86_400_000_000 * 50
        let decision = gcra.take(1, at: far, under: rates)
        #expect(!decision.isAllowed && decision.wait(under: rates) <= rates.restoration)
        #expect(gcra.take(1, at: far + decision.wait(under: rates), under: rates).isAllowed)
    }
}
