import Foundation

/// The clock and the source of randomness. Tests replace them.
package struct Runtime: Sendable {
    package var now: @Sendable () -> Instant
    /// `count` cryptographically secure random bytes.
    package var randomBytes: @Sendable (_ count: Int) -> [UInt8]

    package init(now: @escaping @Sendable () -> Instant, randomBytes: @escaping @Sendable (Int) -> [UInt8]) {
        self.now = now
        self.randomBytes = randomBytes
    }

    /// The system's clock and random source.
    package static let system = Runtime(
        now: {
            var time = timespec()
            clock_gettime(CLOCK_REALTIME, &time)
            return Instant(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000)
        },
        randomBytes: RandomBuffer().bytes
    )

    package func id<Subject>(of _: Subject.Type = Subject.self) -> ID<Subject> {
        ID(trusted: UUIDText.version7(milliseconds: now().microseconds / 1_000, random: randomBytes(10)))
    }
}
