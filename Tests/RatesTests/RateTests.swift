import Base
import Testing

@testable import Rates

@Suite struct RateTests {
    @Test(arguments: [
        ("60/minute", Rate.perMinute(60)), ("1/second", .perSecond(1)), ("1000/hour", .perHour(1_000)),
        ("3/day", .perDay(3)),
        ("60/60s", .perMinute(60)), ("60/minute burst 5", .perMinute(60, burst: 5)),
        ("2/1s burst 100", .perSecond(2, burst: 100)),
    ])
    func `a valid rate is parsed`(text: String, rate: Rate) {
        #expect(Rate(text) == rate)
    }

    @Test(arguments: [
        "", "60", "60/", "/minute", "60/minutes", "60/min", "-1/minute", "0/minute", "1.5/minute", "60/minute/hour",
        "60/0s", "60/-5s", "1/2678401s", "60/xs",
        "60/minute burst", "60/minute burst 0", "60/minute burst x", "60/minute bursts 5", "60/minute burst 5 6",
        "2000000/1s", "99999999999999999999/day",
        "1/day burst 101", "1/9223372036854775807s",
    ])
    func `an invalid rate is refused`(text: String) {
        #expect(Rate(text) == nil)
    }

    @Test func `the interval is rounded up, so that rounding never exceeds the limit`() {
        #expect(Rate.perMinute(7).interval == 8_571_429)
        #expect(Rate.perSecond(1_000_000).interval == 1)
        #expect(Rate.perSecond(3).interval * 3 >= 1_000_000)
    }

    @Test func `rates are one to four with different windows, sorted by window`() {
        #expect(Rates([]) == nil)
        #expect(Rates([.perMinute(1), .perMinute(2)]) == nil)
        #expect(Rates([.perSecond(1), .perMinute(1), .perHour(1), .perDay(1)]) != nil)
        #expect(Rates([.perHour(100), .perMinute(10)])?.all == [.perMinute(10), .perHour(100)])
    }

    @Test(arguments: [Int64(1), 2, 3, 7, 100])
    func `the shares of all nodes together do not exceed the rate`(count: Int64) {
        for rate in [Rate.perMinute(60), .perHour(1_000, burst: 7), .perDay(1)] {
            let share = rate.share(of: count, for: 1)
            #expect(share.burst * count <= max(rate.burst, count))
            #expect(share.burst >= 1)
            // In the long run all nodes together allow count / share.interval units a microsecond.
            #expect(share.interval >= rate.interval * count)
        }
    }

    @Test
    func `a cost above a share's burst is allowed, and a cost above the rate's burst is refused`() {
        let share = Rates(.perMinute(12)).share(of: 4, for: 5)
        var gcra = GCRA()
        #expect(gcra.take(5, at: 0, under: share).isAllowed)
        let again = gcra.take(5, at: 0, under: share)
        #expect(!again.isAllowed && again.wait(under: share) == 5 * 4 * 5_000_000, "at a quarter of the rate")
        #expect(gcra.take(5, at: again.wait(under: share), under: share).isAllowed)
        var unused = GCRA()
        #expect(!unused.take(13, at: 0, under: Rates(.perMinute(12)).share(of: 4, for: 13)).isAllowed)
    }

    @Test(arguments: [(Int64(-1), Int64(0)), (0, 0), (1, 1), (1_000_000, 1), (1_000_001, 2)])
    func `seconds are rounded up`(microseconds: Int64, seconds: Int64) {
        #expect(microseconds.wholeSeconds == seconds)
    }
}
