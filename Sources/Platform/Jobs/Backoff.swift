import Base

/// The wait before a retry: exponential with full jitter, so that jobs that failed together are retried at different
/// times.
enum Backoff {
    static let base = Duration.seconds(1)
    static let longest = Duration.hours(6)

    /// The upper bound of the wait after attempt `attempt` (1, 2, …).
    static func ceiling(afterAttempt attempt: Int) -> Duration {
        // 2^15 seconds exceed six hours.
        min(longest, base * (1 << max(0, min(attempt - 1, 15))))
    }

    static func delay(
        afterAttempt attempt: Int, atMost bound: Duration = Backoff.longest, randomBytes: (Int) -> [UInt8]
    ) -> Duration {
        let random = randomBytes(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let microseconds = UInt64(min(ceiling(afterAttempt: attempt), bound).microseconds)
        return .microseconds(Int64((microseconds + 1).multipliedFullWidth(by: random).high))
    }
}
