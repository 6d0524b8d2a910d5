import Modules

/// The failed login attempts of one bucket, and until when it refuses attempts. A value without a clock or a database.
struct FailureCount: Sendable, Equatable {
    private(set) var failures: Int64
    private(set) var failedAt: Instant
    /// Until then even the right password is refused; not later than `failedAt` where no attempt is refused.
    private(set) var refusedUntil: Instant

    /// A bucket without failures.
    init(at now: Instant) { self.init(failures: 0, failedAt: now, refusedUntil: now) }

    init(failures: Int64, failedAt: Instant, refusedUntil: Instant) {
        self.failures = failures
        self.failedAt = failedAt
        self.refusedUntil = refusedUntil
    }

    /// How long the failures of a bucket are kept after the last of them.
    static let retention: Duration = .hours(24)

    func refuses(at now: Instant) -> Bool { now < refusedUntil }

    /// Counts a failure. While the bucket refuses attempts, they neither count nor extend the refusal; otherwise
    /// continuous attempts would keep it refusing for ever.
    mutating func fail(at now: Instant, under rule: LoginThrottleRule) {
        guard !refuses(at: now) else { return }
        if now - failedAt >= Self.retention || rule.restarts(after: failures) { failures = 0 }
        failures += 1
        failedAt = now
        refusedUntil = now + rule.delay(after: failures)
    }

    /// Resets the failures after a successful attempt.
    mutating func succeed(at now: Instant) {
        guard !refuses(at: now) else { return }
        self = FailureCount(at: now)
    }
}
