package import Base
package import Storage

/// Enqueues jobs at recurring times: once for each tick, with any number of processes.
package struct Schedule: Sendable {
    package enum Rule: Sendable {
        /// Five fields (minute, hour, day of month, month, day of week) in the local time of an IANA zone, see
        /// ``CronExpression``.
        case cron(String, timeZone: String)
        /// Counted from the previous tick, not from the start of a process.
        case every(Duration)
    }

    /// What happens with ticks that no process fired in time.
    package enum Misfire: Sendable, Equatable {
        /// None fires.
        case skip
        /// The latest fires.
        case once
        /// The latest `cap` fire.
        case all(cap: Int)
    }

    /// A tick that is later than this was missed.
    static let lateAfter = Duration.minutes(1)

    package let id: String
    let rule: ScheduleRule
    let misfire: Misfire
    let enqueue: @Sendable (Instant, JobQueue, Transaction) throws -> Void

    /// An invalid rule is a programming error and stops the program with its faults. A client's expression is validated
    /// with ``CronExpression`` first.
    /// - Parameter enqueue: enqueues the jobs of one tick, in the transaction that records the tick. When it throws,
    ///   the tick is tried again.
    package init(
        id: String,
        _ rule: Rule,
        misfire: Misfire = .once,
        enqueue: @escaping @Sendable (_ tick: Instant, JobQueue, Transaction) throws -> Void
    ) {
        if case .all(let cap) = misfire {
            precondition(
                (1...1_000).contains(cap), "schedule '\(id)': the cap of missed ticks is between 1 and 1000")
        }
        self.id = id
        self.misfire = misfire
        self.enqueue = enqueue
        do {
            self.rule = try ScheduleRule(rule)
        } catch {
            preconditionFailure("schedule '\(id)': \(error)")
        }
    }

    /// Which of the ticks from `first` through `now` fire.
    func ticks(from first: Instant, through now: Instant) -> [Instant] {
        switch misfire {
        case .skip: rule.latest(1, from: first, through: now).filter { now - $0 <= Self.lateAfter }
        case .once: rule.latest(1, from: first, through: now)
        case .all(let cap): rule.latest(cap, from: first, through: now)
        }
    }
}
