import Base

/// The life of a job from the moment a worker has it: every way in which that can end. No clock and no database inside.
///
/// Taking up (`available → leased`) and falling due (`scheduled, retryable → available`) are bulk statements in JobStore.
struct JobLife: Sendable, Equatable {
    /// A job that takes its worker down this many times is poison.
    static let crashesMax = 3

    private(set) var state: JobState
    private(set) var attempt: Int
    let maximumAttempts: Int
    private(set) var crashes: Int
    /// Counts the holders of the job: whoever comes with an older number has lost it.
    private(set) var fence: Int64
    private(set) var runAt: Instant
    private(set) var leaseUntil: Instant?
    private(set) var finishedAt: Instant?
    let isCancelRequested: Bool

    /// How a time with a worker ended.
    enum Ending: Sendable, Equatable {
        case completed
        case snoozed
        case retried
        case handedBack
        case crashed
        case abandoned(JobAbandonment)
    }

    struct WrongMove: Error {
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

    /// Work that is done is done, also where somebody meant to stop it.
    mutating func complete(at now: Instant) throws(WrongMove) -> Ending {
        try leave("complete")
        finish(.completed, at: now)
        return .completed
    }

    /// Not yet: the attempt does not count, and a worker that can say so is not one that crashes.
    mutating func snooze(for duration: Duration, at now: Instant) throws(WrongMove) -> Ending {
        try leave("snooze")
        if isCancelRequested { return cancel(at: now) }
        attempt -= 1
        crashes = 0
        wait(duration > .zero ? .scheduled : .available, until: now + max(duration, .zero))
        return .snoozed
    }

    mutating func fail(_ failure: FailedAttempt, delay: Duration, at now: Instant) throws(WrongMove) -> Ending {
        try leave("fail")
        if isCancelRequested { return cancel(at: now) }
        guard case .retry(let least) = failure.remedy, attempt < maximumAttempts else {
            return bury(.failed(failure.text), at: now)
        }
        wait(.retryable, until: now + max(delay, least))
        return .retried
    }

    /// The worker heard that it was to stop, and did.
    mutating func stop(at now: Instant) throws(WrongMove) -> Ending {
        try leave("stop")
        return cancel(at: now)
    }

    /// The process stops: somebody else begins anew, as if this attempt had not been.
    mutating func handBack(at now: Instant) throws(WrongMove) -> Ending {
        try leave("hand back")
        if isCancelRequested { return cancel(at: now) }
        attempt -= 1
        fence += 1
        wait(.available, until: now)
        return .handedBack
    }

    /// The lease ran out: the worker is gone, or as good as gone.
    mutating func loseLease(at now: Instant) throws(WrongMove) -> Ending {
        try leave("lose the lease")
        crashes += 1
        fence += 1
        if isCancelRequested { return cancel(at: now) }
        if crashes >= Self.crashesMax { return bury(.poisoned, at: now) }
        if attempt >= maximumAttempts {
            return bury(.failed("The worker was lost, and no attempts are left."), at: now)
        }
        wait(.available, until: now)
        return .crashed
    }

    private mutating func leave(_ move: String) throws(WrongMove) {
        guard state == .leased else { throw WrongMove(from: state, move: move) }
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

    private mutating func bury(_ why: JobAbandonment, at now: Instant) -> Ending {
        finish(.dead, at: now)
        return .abandoned(why)
    }

    private mutating func finish(_ last: JobState, at now: Instant) {
        state = last
        finishedAt = now
    }
}
