/// The theoretical arrival times of up to four rates, in microseconds: when the last unit that was taken would have come if units came
/// exactly at their rate. All that is known of a key, and nothing when all are past.
package typealias Arrivals = SIMD4<Int64>

/// The generic cell rate algorithm over several rates at once, as a value that knows no clock.
///
/// Taking n units moves each arrival time on by n intervals, from the present moment at the earliest, and is allowed where none of them
/// is then further ahead than its burst. What is refused moves nothing. The whole state of a rate is one number, its bursts are
/// exact, and so is the time to wait.
package struct GCRA: Sendable, Hashable {
    package private(set) var arrivals = Arrivals(repeating: 0)
    /// When units were last taken.
    package private(set) var last: Int64 = 0

    package init() {}

    /// - Parameters:
    ///   - cost: units, at least 1.
    ///   - now: microseconds of any clock. Where it went back, time stands still until it has caught up, but for no longer than the burst
    ///     takes to be restored: whoever set a clock back by a day does not lock everybody out for a day.
    package mutating func take(_ cost: Int64, at now: Int64, under rates: Rates) -> RateVerdict {
        precondition(cost > 0, "whoever takes nothing need not ask")
        if last > now, last - now > rates.restoration {
            last = now
            for index in rates.all.indices {
                arrivals[index] = min(arrivals[index], now + rates.all[index].restoration)
            }
        }
        guard let moved = Self.moved(arrivals, by: cost, at: max(now, last), under: rates) else {
            return RateVerdict(isAdmitted: false, arrivals: arrivals, now: now, cost: cost)
        }
        arrivals = moved
        last = max(now, last)
        return RateVerdict(isAdmitted: true, arrivals: arrivals, now: now, cost: cost)
    }

    /// The rule itself.
    /// - Returns: nil where a rate has no room.
    @inline(__always)
    static func moved(_ arrivals: Arrivals, by cost: Int64, at now: Int64, under rates: Rates) -> Arrivals? {
        var moved = arrivals
        for index in rates.all.indices {
            let rate = rates.all[index]
            // A cost above the burst never fits; looked at first, it cannot overflow.
            guard cost <= rate.burst else { return nil }
            let arrival = max(arrivals[index], now) + cost * rate.interval
            guard arrival - now <= rate.restoration else { return nil }
            moved[index] = arrival
        }
        return moved
    }
}

/// Whether a call passes, and where its rates stand then.
package struct RateVerdict: Sendable, Hashable {
    package let isAdmitted: Bool
    let arrivals: Arrivals
    let now: Int64
    let cost: Int64

    /// Units that one of the rates still has.
    package func remaining(of index: Int, under rates: Rates) -> Int64 {
        let rate = rates.all[index]
        return min(rate.burst, max(0, (rate.restoration - max(0, arrivals[index] - now)) / rate.interval))
    }

    /// Microseconds until one of the rates is whole again.
    package func untilWhole(_ index: Int) -> Int64 { max(0, arrivals[index] - now) }

    /// Microseconds until a call of this cost passes, if nobody else takes anything: exact. 0 where it has passed.
    /// What costs more than a burst never passes; the time in which the burst is restored is given for it.
    package func wait(under rates: Rates) -> Int64 {
        guard !isAdmitted else { return 0 }
        var longest: Int64 = 0
        for (index, rate) in rates.all.enumerated() {
            guard cost <= rate.burst else { return rates.restoration }
            longest = max(longest, max(arrivals[index], now) + cost * rate.interval - rate.restoration - now)
        }
        return longest
    }
}

extension Int64 {
    /// Microseconds as whole seconds, rounded up.
    package var wholeSeconds: Int64 { self <= 0 ? 0 : (self - 1) / 1_000_000 + 1 }
}
