import Modules

/// How often guessing went wrong in one bucket, and until when nothing is accepted there. It has no clock and knows no database: what
/// happened, and when, comes from outside.
struct FailureCount: Sendable, Equatable {
    private(set) var failures: Int64
    private(set) var failedAt: Instant
    /// Until then even the right answer is refused; not later than `failedAt` where nothing is.
    private(set) var refusedUntil: Instant

    /// A bucket that nothing is known of.
    init(at now: Instant) { self.init(failures: 0, failedAt: now, refusedUntil: now) }

    init(failures: Int64, failedAt: Instant, refusedUntil: Instant) {
        self.failures = failures
        self.failedAt = failedAt
        self.refusedUntil = refusedUntil
    }

    /// How long the failures of a bucket are remembered after the last of them.
    static let memory: Duration = .hours(24)

    func refuses(at now: Instant) -> Bool { now < refusedUntil }

    /// One more answer was wrong. While the bucket refuses, answers are not looked at: they neither count nor make it longer, or else
    /// somebody who never stops would keep it closed for good.
    mutating func fail(at now: Instant, under rule: LoginThrottleRule) {
        guard !refuses(at: now) else { return }
        if now - failedAt >= Self.memory || rule.startsAnew(after: failures) { failures = 0 }
        failures += 1
        failedAt = now
        refusedUntil = now + rule.delay(after: failures)
    }

    /// The right answer came: what was wrong before is forgotten.
    mutating func succeed(at now: Instant) {
        guard !refuses(at: now) else { return }
        self = FailureCount(at: now)
    }
}

/// What failures lead to.
enum LoginThrottleRule: Sendable, Equatable {
    /// So many have no consequence; after that each doubles the time to wait, from a quarter of a minute to a quarter of an hour.
    case growing(free: Int64)
    /// After so many the bucket is closed for a time, and then starts anew.
    case closing(after: Int64, for: Duration)

    static let delayMin: Duration = .seconds(15)
    static let delayMax: Duration = .minutes(15)

    func delay(after failures: Int64) -> Duration {
        switch self {
        case .growing(let free):
            guard failures > free else { return .zero }
            // More doublings than these lead beyond the longest wait.
            let doublings = min(failures - free - 1, 16)
            return min(Self.delayMin * (1 << Int(doublings)), Self.delayMax)
        case .closing(let limit, let time): return failures >= limit ? time : .zero
        }
    }

    /// Whether the next failure is the first again.
    func startsAnew(after failures: Int64) -> Bool {
        guard case .closing(let limit, _) = self else { return false }
        return failures >= limit
    }
}

/// How an installation answers guessing.
package enum Lockout: String, Sendable, CaseIterable {
    /// Whoever guesses waits longer and longer. Where an account's owner signed in before stays open to them.
    case adaptive
    /// Five failures, wherever they come from, lock the account for half an hour. It is simple to explain, and lets anybody lock out
    /// anybody.
    case strict
}
