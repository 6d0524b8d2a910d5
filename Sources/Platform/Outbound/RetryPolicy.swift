import Base

/// How often a request is sent again, and after which waits.
package struct RetryPolicy: Sendable {
    /// Attempts in all.
    package var attemptsMax: Int
    /// The longest first wait; it doubles with every attempt.
    package var first: Duration
    package var longest: Duration

    package init(
        attemptsMax: Int = 5, first: Duration = .milliseconds(200), longest: Duration = .seconds(10)
    ) {
        self.attemptsMax = attemptsMax
        self.first = first
        self.longest = longest
    }

    /// The wait before the next attempt, equally distributed from 0 to a bound that doubles up to ``longest``, so that
    /// many callers do not come back at the same time.
    /// - Parameters:
    ///   - failures: failed attempts, at least 1.
    ///   - random: 8 random bytes.
    package func wait(after failures: Int, random: [UInt8]) -> Duration {
        var bound = first
        for _ in 1..<min(max(failures, 1), 32) where bound < longest { bound *= 2 }
        bound = min(bound, longest)
        let fraction = random.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return .microseconds(Int64(fraction % UInt64(bound.microseconds + 1)))
    }
}
