import Base

/// So many units in so much time, spread evenly: what is not used is there again, up to the burst, one unit after another.
package struct Rate: Sendable, Hashable {
    /// Units in one window.
    package let limit: Int64
    /// In microseconds.
    package let window: Int64
    /// Units that may come at once after a rest; the limit unless told otherwise.
    package let burst: Int64
    /// Microseconds until one unit is there again, rounded up: never more than the limit comes of rounding.
    let interval: Int64

    /// Beyond a month, a count per period is meant, which is a quota.
    package static let windowMax: Duration = .days(31)
    /// The longest time in which a burst is restored, in microseconds: sums with it stay exact in a script's 53 bits.
    static let restorationMax: Int64 = 100 * 86_400_000_000

    /// - Returns: nil for a limit, window or burst that is not above 0, a window above ``windowMax``, more than one unit a microsecond,
    ///   or a burst that takes more than a hundred days to be restored.
    package init?(_ limit: Int64, per window: Duration, burst: Int64? = nil) {
        let microseconds = window.microseconds
        let burst = burst ?? limit
        guard limit > 0, burst > 0, window <= Self.windowMax, microseconds >= limit else { return nil }
        interval = (microseconds - 1) / limit + 1
        guard burst <= Self.restorationMax / interval else { return nil }
        (self.limit, self.window, self.burst) = (limit, microseconds, burst)
    }

    /// How long the whole burst takes to be restored, in microseconds.
    var restoration: Int64 { burst * interval }

    /// The rate that each of `count` nodes may give out so that all of them together do not give out more than this one in the long run.
    /// - Parameter cost: of the call that asks: where its share of the burst is smaller, the burst is that much, so that a call which passes at
    ///   all passes now and then in parts of an installation, too.
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
    package static func perSecond(_ limit: Int64, burst: Int64? = nil) -> Rate { written(limit, .seconds(1), burst) }
    package static func perMinute(_ limit: Int64, burst: Int64? = nil) -> Rate { written(limit, .minutes(1), burst) }
    package static func perHour(_ limit: Int64, burst: Int64? = nil) -> Rate { written(limit, .hours(1), burst) }
    package static func perDay(_ limit: Int64, burst: Int64? = nil) -> Rate { written(limit, .days(1), burst) }

    /// A rate that stands in the program: it is a possible one or the program is wrong.
    private static func written(_ limit: Int64, _ window: Duration, _ burst: Int64?) -> Rate {
        guard let rate = Rate(limit, per: window, burst: burst) else {
            preconditionFailure("\(limit) per \(window) is no rate")
        }
        return rate
    }

    private static let units: [(name: String, window: Duration)] = [
        ("second", .seconds(1)), ("minute", .minutes(1)), ("hour", .hours(1)), ("day", .days(1)),
    ]

    /// Reads `60/minute`, `10/30s` and `60/minute burst 10`.
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

    /// The window as a word: `minute`, or `30s`.
    package var windowName: String {
        Self.units.first { $0.window.microseconds == window }?.name ?? "\(window / 1_000_000)s"
    }
}

/// Several rates that hold at once: a call passes all of them or is counted by none.
package struct Rates: Sendable, Hashable {
    /// One to four, the shortest window first.
    package let all: [Rate]
    /// How many rates may hold at once.
    package static let countMax = 4

    /// - Returns: nil for none, for more than ``countMax``, and for two with the same window.
    package init?(_ rates: [Rate]) {
        guard (1...Self.countMax).contains(rates.count), Set(rates.map(\.window)).count == rates.count else {
            return nil
        }
        all = rates.sorted { $0.window < $1.window }
    }

    /// Rates that stand in the program.
    package init(_ rates: Rate...) {
        guard let checked = Rates(rates) else {
            preconditionFailure("one to \(Self.countMax) rates with windows of their own hold at once")
        }
        self = checked
    }

    private init(unchecked rates: [Rate]) { all = rates }

    /// What one of `count` nodes gives out to a call of this cost when they cannot ask one another.
    package func share(of count: Int64, for cost: Int64 = 1) -> Rates {
        Rates(unchecked: all.map { $0.share(of: count, for: cost) })
    }

    /// How long the slowest of them takes to be restored, in microseconds.
    var restoration: Int64 { all.reduce(0) { max($0, $1.restoration) } }
}
