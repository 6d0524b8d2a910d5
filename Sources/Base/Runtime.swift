import Foundation

/// The outside world as a value: what time it is and where randomness comes from. Tests bring their own.
package struct Runtime: Sendable {
    package var now: @Sendable () -> Instant
    /// Cryptographically strong random bytes, `count` of them.
    package var randomBytes: @Sendable (_ count: Int) -> [UInt8]

    package init(now: @escaping @Sendable () -> Instant, randomBytes: @escaping @Sendable (Int) -> [UInt8]) {
        self.now = now
        self.randomBytes = randomBytes
    }

    /// The machine's clock and the system's random source.
    package static let system = Runtime(
        now: {
            var time = timespec()
            clock_gettime(CLOCK_REALTIME, &time)
            return Instant(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000)
        },
        randomBytes: RandomStock().take
    )

    package func id<Subject>(of _: Subject.Type = Subject.self) -> ID<Subject> {
        ID(trusted: UUIDText.version7(milliseconds: now().microseconds / 1_000, random: randomBytes(10)))
    }
}
