/// The theoretical arrival times (TAT) of up to four rates, in microseconds. A TAT is the time at which the last unit
/// would have arrived if units arrived exactly at their rate. It is the whole state of a key; the state is empty when
/// every TAT is past.
package typealias ArrivalTimes = SIMD4<Int64>

/// The generic cell rate algorithm (GCRA) over several rates at once, as a value without a clock.
///
/// Taking n units advances each TAT by n intervals, from the present at the earliest. It is allowed where no TAT is
/// then further ahead than its burst. A refused take changes nothing. The state of a rate is one number; its bursts and
/// its wait are exact.
package struct GCRA: Sendable, Hashable {
    package private(set) var arrivalTimes = ArrivalTimes(repeating: 0)
    /// The time of the last take, in microseconds.
    package private(set) var last: Int64 = 0

    package init() {}

    /// - Parameters:
    ///   - cost: units, at least 1.
    ///   - now: microseconds of any clock. After the clock was set back, the last time applies until the clock has
    ///     caught up, but no longer than the restoration of the burst takes: a clock that is set back by a day does not
    ///     refuse requests for a day.
    package mutating func take(_ cost: Int64, at now: Int64, under rates: Rates) -> RateDecision {
        precondition(cost > 0, "the cost is at least 1")
        if last > now, last - now > rates.restoration {
            last = now
            for index in rates.all.indices {
                arrivalTimes[index] = min(arrivalTimes[index], now + rates.all[index].restoration)
            }
        }
        guard let advanced = Self.advanced(arrivalTimes, by: cost, at: max(now, last), under: rates) else {
            return RateDecision(isAllowed: false, arrivalTimes: arrivalTimes, now: now, cost: cost)
        }
        arrivalTimes = advanced
        last = max(now, last)
        return RateDecision(isAllowed: true, arrivalTimes: arrivalTimes, now: now, cost: cost)
    }

    /// The algorithm itself.
    /// - Returns: nil where a rate refuses the cost.
    @inline(__always)
    static func advanced(
        _ arrivalTimes: ArrivalTimes, by cost: Int64, at now: Int64, under rates: Rates
    ) -> ArrivalTimes? {
        var advanced = arrivalTimes
        for index in rates.all.indices {
            let rate = rates.all[index]
            // A cost above the burst is never allowed; the check comes first because the product below could overflow.
            guard cost <= rate.burst else { return nil }
            let arrival = max(arrivalTimes[index], now) + cost * rate.interval
            guard arrival - now <= rate.restoration else { return nil }
            advanced[index] = arrival
        }
        return advanced
    }
}

/// Whether a request is allowed, and the state of its rates after the decision.
package struct RateDecision: Sendable, Hashable {
    package let isAllowed: Bool
    let arrivalTimes: ArrivalTimes
    let now: Int64
    let cost: Int64

    /// Units that are available of one of the rates.
    package func remaining(of index: Int, under rates: Rates) -> Int64 {
        let rate = rates.all[index]
        return min(rate.burst, max(0, (rate.restoration - max(0, arrivalTimes[index] - now)) / rate.interval))
    }

    /// Microseconds until the whole burst of one of the rates is available again.
    package func timeUntilReset(_ index: Int) -> Int64 { max(0, arrivalTimes[index] - now) }

    /// Microseconds until a request of this cost is allowed, provided that no other units are taken: exact. 0 where it
    /// is allowed. A cost above a burst is never allowed; the restoration time of the burst is returned for it.
    package func wait(under rates: Rates) -> Int64 {
        guard !isAllowed else { return 0 }
        var longest: Int64 = 0
        for (index, rate) in rates.all.enumerated() {
            guard cost <= rate.burst else { return rates.restoration }
            longest = max(longest, max(arrivalTimes[index], now) + cost * rate.interval - rate.restoration - now)
        }
        return longest
    }
}

extension Int64 {
    /// Microseconds as whole seconds, rounded up.
    package var wholeSeconds: Int64 { self <= 0 ? 0 : (self - 1) / 1_000_000 + 1 }
}
