import Base

/// The state machine of a leased job: every way in which its lease can end. A pure value without clock and database.
///
/// Claiming (`available → leased`) and promotion (`scheduled, retryable → available`) are statements in JobStore.
struct JobLifecycle: Sendable, Equatable {
    /// A job whose lease has expired this many times is dead as poisoned.
    static let crashesMax = 3

    private(set) var state: JobState
    private(set) var attempt: Int
    let maximumAttempts: Int
    private(set) var crashes: Int
    /// Grows with each lease: a worker with an older number has lost its lease.
    private(set) var fence: Int64
    private(set) var runAt: Instant
    private(set) var leaseUntil: Instant?
    private(set) var finishedAt: Instant?
    let isCancelRequested: Bool

    /// How a lease ended.
    enum Ending: Sendable, Equatable {
        case completed
        case snoozed
        case retried
        case handedBack
        case crashed
        case abandoned(JobAbandonment)
    }

    struct InvalidTransition: Error {
        let from: JobState
        let move: String
    }

    init(
        state: JobState,
        attempt: Int,
        maximumAttempts: Int,
        crashes: Int,
        fence: Int64,
        runAt: Instant,
        leaseUntil: Instant?,
        isCancelRequested: Bool
    ) {
        self.state = state
        self.attempt = attempt
        self.maximumAttempts = maximumAttempts
        self.crashes = crashes
        self.fence = fence
        self.runAt = runAt
        self.leaseUntil = leaseUntil
        self.isCancelRequested = isCancelRequested
    }

    /// Completes the job, also when its cancellation was requested.
    mutating func complete(at now: Instant) throws(InvalidTransition) -> Ending {
        try leave("complete")
        finish(.completed, at: now)
        return .completed
    }

    /// Postpones the job. The attempt does not count, and the crash count starts at 0 again.
    mutating func snooze(for duration: Duration, at now: Instant) throws(InvalidTransition) -> Ending {
        try leave("snooze")
        if isCancelRequested { return cancel(at: now) }
        attempt -= 1
        crashes = 0
        wait(duration > .zero ? .scheduled : .available, until: now + max(duration, .zero))
        return .snoozed
    }

    mutating func fail(_ failure: FailedAttempt, delay: Duration, at now: Instant) throws(InvalidTransition) -> Ending {
        try leave("fail")
        if isCancelRequested { return cancel(at: now) }
        guard case .retry(let least) = failure.remedy else { return markDead(.failed(failure.text), at: now) }
        guard attempt < maximumAttempts else {
            return markDead(.exhausted(code: failure.code, failure.text), at: now)
        }
        wait(.retryable, until: now + max(delay, least))
        return .retried
    }

    /// The worker stopped after a cancellation request.
    mutating func stop(at now: Instant) throws(InvalidTransition) -> Ending {
        try leave("stop")
        return cancel(at: now)
    }

    /// The process stops: the job is available again, and this attempt does not count.
    mutating func handBack(at now: Instant) throws(InvalidTransition) -> Ending {
        try leave("hand back")
        if isCancelRequested { return cancel(at: now) }
        attempt -= 1
        fence += 1
        wait(.available, until: now)
        return .handedBack
    }

    /// The lease expired: the worker has stopped its heartbeats.
    mutating func expireLease(at now: Instant) throws(InvalidTransition) -> Ending {
        try leave("expire the lease")
        crashes += 1
        fence += 1
        if isCancelRequested { return cancel(at: now) }
        if crashes >= Self.crashesMax { return markDead(.poisoned, at: now) }
        if attempt >= maximumAttempts {
            let text = "The lease of the worker expired, and no attempts are left."
            return markDead(.exhausted(code: Problem.Kind.internalError.code, text), at: now)
        }
        wait(.available, until: now)
        return .crashed
    }

    private mutating func leave(_ move: String) throws(InvalidTransition) {
        guard state == .leased else { throw InvalidTransition(from: state, move: move) }
        leaseUntil = nil
    }

    private mutating func wait(_ next: JobState, until time: Instant) {
        state = next
        runAt = time
    }

    private mutating func cancel(at now: Instant) -> Ending {
        finish(.cancelled, at: now)
        return .abandoned(.cancelled)
    }

    private mutating func markDead(_ reason: JobAbandonment, at now: Instant) -> Ending {
        finish(.dead, at: now)
        return .abandoned(reason)
    }

    private mutating func finish(_ last: JobState, at now: Instant) {
        state = last
        finishedAt = now
    }
}
