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

    @Test func `done is done, also when somebody meant to stop it`() throws {
        for isCancelRequested in [false, true] {
            var life = leased(isCancelRequested: isCancelRequested)
            #expect(try life.complete(at: now) == .completed)
            #expect(life.state == .completed)
            #expect(life.finishedAt == now)
            #expect(life.leaseUntil == nil)
            #expect(life.fence == 5)
        }
    }

    @Test func `a failure waits for the longer of its delays`() throws {
        var life = leased()
        #expect(
            try life.fail(FailedAttempt(JobFailure.retry(after: .seconds(9))), delay: .seconds(4), at: now) == .retried)
        #expect(life.state == .retryable)
        #expect(life.runAt == now + .seconds(9))
        #expect(life.attempt == 1)
        life = leased()
        #expect(
            try life.fail(FailedAttempt(JobFailure.retry(after: .seconds(2))), delay: .seconds(4), at: now) == .retried)
        #expect(life.runAt == now + .seconds(4))
    }

    @Test func `the last attempt and the permanent failure end it`() throws {
        var life = leased(attempt: 3)
        #expect(
            try life.fail(FailedAttempt(JobFailure.retry(reason: "busy")), delay: .zero, at: now)
                == .abandoned(.failed("busy")))
        #expect(life.state == .dead)
        life = leased()
        #expect(
            try life.fail(FailedAttempt(JobFailure.permanent("gone")), delay: .zero, at: now)
                == .abandoned(.failed("gone")))
        #expect(life.finishedAt == now)
    }

    @Test func `what was to stop does not go on in any other way`() throws {
        let moves: [(inout JobLifecycle) throws -> JobLifecycle.Ending] = [
            { try $0.fail(FailedAttempt(JobFailure.retry()), delay: .zero, at: Instant(seconds: 1)) },
            { try $0.snooze(for: .seconds(1), at: Instant(seconds: 1)) },
            { try $0.handBack(at: Instant(seconds: 1)) },
            { try $0.loseLease(at: Instant(seconds: 1)) },
            { try $0.stop(at: Instant(seconds: 1)) },
        ]
        for move in moves {
            var life = leased(isCancelRequested: true)
            #expect(try move(&life) == .abandoned(.cancelled))
            #expect(life.state == .cancelled)
        }
    }

    @Test func `a lease that is lost or given back raises the fence`() throws {
        var life = leased()
        #expect(try life.loseLease(at: now) == .crashed)
        #expect(life.fence == 6)
        #expect(life.crashes == 1)
        #expect(life.attempt == 1)
        #expect(life.state == .available)
        life = leased()
        #expect(try life.handBack(at: now) == .handedBack)
        #expect(life.fence == 6)
        #expect(life.crashes == 0)
        #expect(life.attempt == 0)
        #expect(life.runAt == now)
    }

    @Test func `the third crash is one too many, and a snooze forgives them`() throws {
        var life = leased(crashes: 2)
        #expect(try life.loseLease(at: now) == .abandoned(.poisoned))
        #expect(life.state == .dead)
        life = leased(crashes: 2)
        #expect(try life.snooze(for: .seconds(1), at: now) == .snoozed)
        #expect(life.crashes == 0)
        #expect(life.attempt == 0)
        #expect(life.runAt == now + .seconds(1))
    }

    @Test func `nothing moves a job that no worker has`() throws {
        var life = leased()
        _ = try life.complete(at: now)
        #expect(throws: JobLifecycle.WrongMove.self) { try life.complete(at: now) }
        #expect(throws: JobLifecycle.WrongMove.self) { try life.loseLease(at: now) }
        #expect(throws: JobLifecycle.WrongMove.self) { try life.handBack(at: now) }
    }

    @Test func `progress is written at once, then four times a second at most`() throws {
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
