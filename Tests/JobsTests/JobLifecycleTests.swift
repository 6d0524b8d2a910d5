import Base
import Testing

@testable import Jobs

@Suite struct JobLifecycleTests {
    private let now = Instant(seconds: 1_000)

    private func leased(attempt: Int = 1, of maximum: Int = 3, crashes: Int = 0, isCancelRequested: Bool = false)
        -> JobLifecycle
    {
        JobLifecycle(
            state: .leased, attempt: attempt, maximumAttempts: maximum, crashes: crashes, fence: 5,
            runAt: Instant(seconds: 900),
            leaseUntil: Instant(seconds: 1_030), isCancelRequested: isCancelRequested
        )
    }

    @Test func `a job completes also after a cancellation request`() throws {
        for isCancelRequested in [false, true] {
            var lifecycle = leased(isCancelRequested: isCancelRequested)
            #expect(try lifecycle.complete(at: now) == .completed)
            #expect(lifecycle.state == .completed)
            #expect(lifecycle.finishedAt == now)
            #expect(lifecycle.leaseUntil == nil)
            #expect(lifecycle.fence == 5)
        }
    }

    @Test func `a failed job waits for the longer of its delays`() throws {
        var lifecycle = leased()
        #expect(
            try lifecycle.fail(FailedAttempt(JobFailure.retry(after: .seconds(9))), delay: .seconds(4), at: now)
                == .retried)
        #expect(lifecycle.state == .retryable)
        #expect(lifecycle.runAt == now + .seconds(9))
        #expect(lifecycle.attempt == 1)
        lifecycle = leased()
        #expect(
            try lifecycle.fail(FailedAttempt(JobFailure.retry(after: .seconds(2))), delay: .seconds(4), at: now)
                == .retried)
        #expect(lifecycle.runAt == now + .seconds(4))
    }

    @Test func `a failed last attempt and a permanent failure are dead`() throws {
        var lifecycle = leased(attempt: 3)
        #expect(
            try lifecycle.fail(FailedAttempt(JobFailure.retry(reason: "busy")), delay: .zero, at: now)
                == .abandoned(.exhausted(code: "internal-error", "busy")))
        #expect(lifecycle.state == .dead)
        lifecycle = leased()
        #expect(
            try lifecycle.fail(FailedAttempt(JobFailure.permanent("gone")), delay: .zero, at: now)
                == .abandoned(.failed("gone")))
        #expect(lifecycle.finishedAt == now)
    }

    @Test func `a job with a cancellation request is cancelled by every move but completion`() throws {
        let moves: [(inout JobLifecycle) throws -> JobLifecycle.Ending] = [
            { try $0.fail(FailedAttempt(JobFailure.retry()), delay: .zero, at: Instant(seconds: 1)) },
            { try $0.snooze(for: .seconds(1), at: Instant(seconds: 1)) },
            { try $0.handBack(at: Instant(seconds: 1)) },
            { try $0.expireLease(at: Instant(seconds: 1)) },
            { try $0.stop(at: Instant(seconds: 1)) },
        ]
        for move in moves {
            var lifecycle = leased(isCancelRequested: true)
            #expect(try move(&lifecycle) == .abandoned(.cancelled))
            #expect(lifecycle.state == .cancelled)
        }
    }

    @Test func `an expired or handed back lease raises the fence`() throws {
        var lifecycle = leased()
        #expect(try lifecycle.expireLease(at: now) == .crashed)
        #expect(lifecycle.fence == 6)
        #expect(lifecycle.crashes == 1)
        #expect(lifecycle.attempt == 1)
        #expect(lifecycle.state == .available)
        lifecycle = leased()
        #expect(try lifecycle.handBack(at: now) == .handedBack)
        #expect(lifecycle.fence == 6)
        #expect(lifecycle.crashes == 0)
        #expect(lifecycle.attempt == 0)
        #expect(lifecycle.runAt == now)
    }

    @Test func `the third expired lease makes a job dead as poisoned, and a snooze resets the count`() throws {
        var lifecycle = leased(crashes: 2)
        #expect(try lifecycle.expireLease(at: now) == .abandoned(.poisoned))
        #expect(lifecycle.state == .dead)
        lifecycle = leased(crashes: 2)
        #expect(try lifecycle.snooze(for: .seconds(1), at: now) == .snoozed)
        #expect(lifecycle.crashes == 0)
        #expect(lifecycle.attempt == 0)
        #expect(lifecycle.runAt == now + .seconds(1))
    }

    @Test func `a job that is not leased has no moves`() throws {
        var lifecycle = leased()
        _ = try lifecycle.complete(at: now)
        #expect(throws: JobLifecycle.InvalidTransition.self) { try lifecycle.complete(at: now) }
        #expect(throws: JobLifecycle.InvalidTransition.self) { try lifecycle.expireLease(at: now) }
        #expect(throws: JobLifecycle.InvalidTransition.self) { try lifecycle.handBack(at: now) }
    }

    @Test func `progress is written at once, then at most four times a second`() throws {
        var throttle = ProgressThrottle()
        let first = try #require(JobProgress(percent: 1, phase: "a", message: nil)),
            second = try #require(JobProgress(percent: 2, phase: "a", message: nil))
        #expect(throttle.accept(first, at: now) == .write)
        #expect(throttle.accept(first, at: now + .milliseconds(50)) == .writeLater(.milliseconds(200)))
        #expect(throttle.accept(second, at: now + .milliseconds(60)) == .kept)
        #expect(throttle.takePending(at: now + .milliseconds(250)) == second)
        #expect(throttle.takePending(at: now + .milliseconds(250)) == nil)
        #expect(throttle.accept(first, at: now + .milliseconds(300)) == .writeLater(.milliseconds(200)))
        #expect(throttle.accept(second, at: now + .milliseconds(500)) == .write)
        #expect(throttle.pending == nil)
        // The clock was set back.
        #expect(throttle.accept(second, at: now) == .write)
    }
}
