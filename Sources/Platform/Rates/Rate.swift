import Base

/// A number of units per window, refilled evenly: one unit after another, up to the burst.
package struct Rate: Sendable, Hashable {
    /// Units in one window.
    package let limit: Int64
    /// In microseconds.
    package let window: Int64
    /// Units that may be taken at once when none were taken for a while; the limit by default.
    package let burst: Int64
    /// Microseconds per unit, rounded up, so that rounding never exceeds the limit.
    let interval: Int64

    /// A count per longer time is a quota.
    package static let windowMax: Duration = .days(31)
    /// The longest restoration of a burst, in microseconds: sums with it stay exact in the 53 bits of a Lua number.
    static let restorationMax: Int64 = 100 * 86_400_000_000

    /// - Returns: nil for a limit, window or burst that is not above 0, a window above ``windowMax``, more than one
    ///   unit a microsecond, or a burst whose restoration takes more than a hundred days.
    package init?(_ limit: Int64, per window: Duration, burst: Int64? = nil) {
        let microseconds = window.microseconds
        let burst = burst ?? limit
        guard limit > 0, burst > 0, window <= Self.windowMax, microseconds >= limit else { return nil }
        interval = (microseconds - 1) / limit + 1
        guard burst <= Self.restorationMax / interval else { return nil }
        (self.limit, self.window, self.burst) = (limit, microseconds, burst)
    }

    /// The time in which the whole burst is restored, in microseconds.
    var restoration: Int64 { burst * interval }

    /// The rate that each of `count` nodes allows on its own, so that all of them together do not exceed this rate in
    /// the long run.
    /// - Parameter cost: of the request. Where the node's share of the burst is smaller, the burst is the cost, so that
    ///   a request that is allowed at all is allowed on a single node, too.
    func share(of count: Int64, for cost: Int64) -> Rate {
        let count = max(1, count)
        return Rate(
            limit: limit, window: window * count, burst: max(min(cost, burst), burst / count),
            interval: interval * count)
    }

    private init(limit: Int64, window: Int64, burst: Int64, interval: Int64) {
        (self.limit, self.window, self.burst, self.interval) = (limit, window, burst, interval)
    }
}

extension Rate {
    package static func perMinute(_ limit: Int64, burst: Int64? = nil) -> Rate { constant(limit, .minutes(1), burst) }
    package static func perHour(_ limit: Int64, burst: Int64? = nil) -> Rate { constant(limit, .hours(1), burst) }

    /// A rate that is a constant of the program: an invalid one is a programming error.
    static func constant(_ limit: Int64, _ window: Duration, _ burst: Int64?) -> Rate {
        guard let rate = Rate(limit, per: window, burst: burst) else {
            preconditionFailure("\(limit) per \(window) is not a valid rate")
        }
        return rate
    }

    private static let units: [(name: String, window: Duration)] = [
        ("second", .seconds(1)), ("minute", .minutes(1)), ("hour", .hours(1)), ("day", .days(1)),
    ]

    /// Parses `60/minute`, `10/30s` and `60/minute burst 10`.
    package init?(_ text: String) {
        let words = text.split(separator: " ")
        guard words.count == 1 || (words.count == 3 && words[1] == "burst") else { return nil }
        let parts = words[0].split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let limit = Int64(parts[0]) else { return nil }
        let named = Self.units.first { $0.name == parts[1] }?.window
        guard let window = named ?? (parts[1].hasSuffix("s") ? Int64(parts[1].dropLast()).flatMap(Self.seconds) : nil)
        else { return nil }
        if words.count == 3 {
            guard let burst = Int64(words[2]) else { return nil }
            self.init(limit, per: window, burst: burst)
        } else {
            self.init(limit, per: window)
        }
    }

    private static func seconds(_ count: Int64) -> Duration? {
        count > 0 && count <= windowMax.components.seconds ? .seconds(count) : nil
    }

    /// The window as text: `minute`, or `30s`.
    package var windowName: String {
        Self.units.first { $0.window.microseconds == window }?.name ?? "\(window / 1_000_000)s"
    }
}
