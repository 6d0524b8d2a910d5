import Base
import Testing

@testable import Identity

@Suite struct FailureCountTests {
    private static let start = Instant(seconds: 1_769_860_800)

    /// - Returns: the delay after each of `count` failures, each at the end of the delay before it.
    private func waits(_ count: Int, under rule: LoginThrottleRule) -> [Duration] {
        var (now, record) = (Self.start, FailureCount(at: Self.start))
        return (0..<count).map { _ in
            record.fail(at: now, under: rule)
            let wait = record.refusedUntil - now
            now = record.refusedUntil
            return wait
        }
    }

    @Test func `five failures have no delay, then each doubles it up to 15 minutes`() {
        let seconds = waits(14, under: .growing(free: 5)).map { Int64($0.inSeconds) }
        #expect(seconds.prefix(5) == [0, 0, 0, 0, 0])
        #expect(seconds[5] == Int64(LoginThrottleRule.delayMin.inSeconds))
        for (one, next) in zip(seconds.dropFirst(5), seconds.dropFirst(6)) {
            #expect(next == min(2 * one, Int64(LoginThrottleRule.delayMax.inSeconds)))
        }
        #expect(seconds[13] == Int64(LoginThrottleRule.delayMax.inSeconds))
    }

    @Test func `after a lockout the count starts again`() {
        let wait = Duration.minutes(30)
        let closing = waits(11, under: .closing(after: 5, for: wait)).enumerated().filter { $1 == wait }
        #expect(closing.map(\.offset) == [4, 9])
    }

    @Test func `attempts during the delay do not change the record`() {
        let rule = LoginThrottleRule.growing(free: 0)
        var record = FailureCount(at: Self.start)
        record.fail(at: Self.start, under: rule)
        let refusing = record
        for second in 0..<15 {
            #expect(record.refuses(at: Self.start + .seconds(second)))
            record.fail(at: Self.start + .seconds(second), under: rule)
            record.succeed(at: Self.start + .seconds(second))
            #expect(record == refusing)
        }
        #expect(!record.refuses(at: Self.start + .seconds(15)))
        record.succeed(at: Self.start + .seconds(15))
        #expect(record == FailureCount(at: Self.start + .seconds(15)))
    }

    @Test func `failures are reset after a day without failures`() {
        let rule = LoginThrottleRule.growing(free: 1)
        for (pause, failures) in [(FailureCount.retention - .microseconds(1), Int64(3)), (FailureCount.retention, 1)] {
            var record = FailureCount(failures: 2, failedAt: Self.start, refusedUntil: Self.start + .seconds(15))
            record.fail(at: Self.start + pause, under: rule)
            #expect(record.failures == failures)
        }
    }

    @Test func `the delay is bounded for any number of failures`() {
        #expect(LoginThrottleRule.growing(free: 5).delay(after: .max) == LoginThrottleRule.delayMax)
        #expect(LoginThrottleRule.growing(free: .max).delay(after: .max) == .zero)
    }
}
