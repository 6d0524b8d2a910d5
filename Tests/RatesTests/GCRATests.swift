import Base
import TestKit
import Testing

@testable import Rates

@Suite struct GCRATests {
    @Test(arguments: 0..<30)
    func `it decides as the plain reading of a rate does, over random sequences`(seed: UInt64) {
        var random = SplitMix(seed: seed)
        let rates = random.rates()
        var (rule, reference) = (GCRA(), Reference(rates))
        var now: Int64 = 1_000_000
        for step in 0..<150 {
            // Often at the same moment, sometimes just before or at the time told, sometimes long after.
            let interval = rates.all.randomElement(using: &random)?.interval ?? 1
            now +=
                [0, 0, 1, interval - 1, interval, interval * Int64.random(in: 1...40, using: &random)].randomElement(
                    using: &random) ?? 0
            let cost = Int.random(in: 0...3, using: &random) == 0 ? Int64.random(in: 1...32, using: &random) : 1
            let expected = reference.allows(cost, at: now)
            let before = rule
            let verdict = rule.take(cost, at: now, under: rates)
            #expect(verdict.isAdmitted == expected, "seed \(seed), step \(step)")
            guard !expected else {
                _ = reference.take(cost, at: now)
                continue
            }
            #expect(rule == before, "a refused call moves nothing")
            let wait = verdict.wait(under: rates)
            #expect(wait > 0)
            if rates.all.allSatisfy({ cost <= $0.burst }) {
                #expect(
                    reference.allows(cost, at: now + wait) && !reference.allows(cost, at: now + wait - 1),
                    "the time to wait is exact")
            }
        }
    }

    @Test(arguments: 0..<20)
    func `a call that costs n is n calls`(seed: UInt64) {
        var random = SplitMix(seed: seed)
        let rates = random.rates()
        var (one, many) = (GCRA(), GCRA())
        var now: Int64 = 5_000_000
        for _ in 0..<200 {
            now += Int64.random(in: 0...2_000_000, using: &random)
            let cost = Int64.random(in: 1...5, using: &random)
            guard one.take(cost, at: now, under: rates).isAdmitted else { continue }
            for _ in 0..<cost { #expect(many.take(1, at: now, under: rates).isAdmitted) }
            #expect(one == many)
        }
    }

    @Test func `after a rest the burst is there and no more, and then one at a time`() {
        let rates = Rates(.perMinute(10))
        var rule = GCRA()
        let start: Int64 = 90 * 86_400_000_000
        for unit in 0..<10 {
            let verdict = rule.take(1, at: start, under: rates)
            #expect(verdict.isAdmitted)
            #expect(verdict.remaining(of: 0, under: rates) == Int64(9 - unit))
            #expect(verdict.untilWhole(0) == Int64(unit + 1) * 6_000_000)
        }
        let refused = rule.take(1, at: start, under: rates)
        #expect(
            !refused.isAdmitted && refused.wait(under: rates) == 6_000_000
                && refused.remaining(of: 0, under: rates) == 0)
        #expect(!rule.take(1, at: start + 5_999_999, under: rates).isAdmitted)
        #expect(rule.take(1, at: start + 6_000_000, under: rates).isAdmitted)
        #expect(!rule.take(1, at: start + 6_000_000, under: rates).isAdmitted)
    }

    @Test func `several rates are taken together or not at all`() {
        let rates = Rates(.perMinute(10), .perHour(15))
        var rule = GCRA()
        for _ in 0..<10 { #expect(rule.take(1, at: 1, under: rates).isAdmitted) }
        #expect(!rule.take(1, at: 1, under: rates).isAdmitted)
        // A minute later the shorter one is whole; the longer one has five left, and a quarter of a unit more each minute.
        let verdicts = (0..<10).map { _ in rule.take(1, at: 60_000_001, under: rates) }
        #expect(verdicts.filter(\.isAdmitted).count == 5)
        let last = verdicts[9]
        #expect(last.remaining(of: 0, under: rates) == 5, "the refused ones took nothing of the other rate")
        #expect(last.wait(under: rates) == 180_000_000)
    }

    @Test func `what costs more than the burst never passes, and says so without overflow`() {
        let rates = Rates(.perDay(5), .perMinute(3))
        var rule = GCRA()
        for cost in [4, 6, .max] as [Int64] {
            let verdict = rule.take(cost, at: 1, under: rates)
            #expect(!verdict.isAdmitted && verdict.wait(under: rates) > 0)
        }
        #expect(rule == GCRA())
    }

    @Test(arguments: 0..<20)
    func `a clock that goes back gives nothing away, and locks nobody out for longer than the rate does`(seed: UInt64) {
        var random = SplitMix(seed: seed)
        let rates = random.rates()
        var rule = GCRA()
        // True time only goes forward; what the rule is shown goes back now and then, and catches up.
        var (time, error): (Int64, Int64) = (1 << 50, 0)
        var reference = Reference(rates)
        for _ in 0..<400 {
            time += Int64.random(in: 0...rates.restoration / 4, using: &random)
            if Int.random(in: 0...20, using: &random) == 0 {
                error -= Int64.random(in: 0...rates.restoration * 3, using: &random)
            }
            guard rule.take(1, at: time + error, under: rates).isAdmitted else { continue }
            let isRight = reference.take(1, at: time)
            #expect(isRight, "seed \(seed)")
        }
        #expect(!reference.admitted.isEmpty)
        let far = rule.last - 86_400_000_000 * 50
        let verdict = rule.take(1, at: far, under: rates)
        #expect(!verdict.isAdmitted && verdict.wait(under: rates) <= rates.restoration)
        #expect(rule.take(1, at: far + verdict.wait(under: rates), under: rates).isAdmitted)
    }
}
