package import Base
import ServiceLifecycle
package import Storage
import Synchronization
package import Telemetry

/// Takes jobs from the queue and has its workers do them, and sees to it that schedules put them there.
///
/// Any number of runners, in one process or many, share a queue: each job is with one worker at a time, and only the worker that still
/// holds it can end it.
package struct JobRunner: Service {
    package struct Settings: Sendable {
        /// How many jobs run at once.
        package var slots: Int
        /// How long a worker that is not heard of keeps its job.
        package var lease: Duration
        package var heartbeat: Duration
        /// How long a job that was put into the queue by another process may go unnoticed.
        package var poll: Duration
        /// How long running jobs may go on once the process is to stop.
        package var drain: Duration

        package init(
            slots: Int = 4,
            lease: Duration = .seconds(30),
            heartbeat: Duration = .seconds(10),
            poll: Duration = .milliseconds(500),
            drain: Duration = .seconds(20)
        ) {
            precondition(slots >= 1, "a runner needs a slot to run a job in")
            precondition(heartbeat < lease, "a lease that ends before the next heartbeat is lost at once")
            self.slots = slots
            self.lease = lease
            self.heartbeat = heartbeat
            self.poll = poll
            self.drain = drain
        }
    }

    /// How long jobs have to end once they were told to stop, before they are handed back without them.
    static let stoppingGrace = Duration.seconds(2)
    /// How much falls due, or is taken back from lost workers, in one pass.
    static let promotedMax = 1_000
    static let sweptMax = 100
    /// How often the depth of the queue is measured.
    static let sampleInterval = Duration.seconds(15)
    /// After how many jobs ``runUntilIdle()`` says that there is no end to them.
    static let idleJobsMax = 100_000

    let database: any Database
    let workers: [String: Worker]
    let kinds: [String]
    let scheduler: Scheduler
    let queue: JobQueue
    let metrics: Metrics
    let logger: Logger
    let runtime: Runtime
    let settings: Settings
    let running = RunningJobs()

    package init(
        database: any Database,
        workers: [Worker],
        schedules: [Schedule] = [],
        queue: JobQueue,
        metrics: Metrics,
        logger: Logger,
        runtime: Runtime,
        settings: Settings = .init()
    ) {
        let workers = workers + [Pruning.worker(database)]
        let kinds = workers.map(\.name).sorted()
        precondition(Set(kinds).count == kinds.count, "two workers do the same kind of job: \(kinds)")
        self.database = database
        self.workers = Dictionary(uniqueKeysWithValues: workers.map { ($0.name, $0) })
        self.kinds = kinds
        scheduler = Scheduler(database: database, schedules: schedules + [Pruning.schedule], queue: queue)
        self.queue = queue
        self.metrics = metrics
        self.logger = logger
        self.runtime = runtime
        self.settings = settings
        metrics.describeJobs()
    }

    /// Runs jobs until the process is to stop: then takes no more, gives those that run `drain` to end, and hands back what is left.
    package func run() async throws {
        let listener = JobNotifier.Listener()
        let isStopping = Mutex(false)
        queue.arrivals.add(listener)
        defer { queue.arrivals.remove(listener) }
        await withGracefulShutdownHandler {
            await withDiscardingTaskGroup { group in
                group.addTask { await Self.every(settings.poll) { listener.nudge() } }
                group.addTask { await Self.every(settings.heartbeat) { await beat() } }
                group.addTask { await Self.every(Self.sampleInterval) { await sample() } }
                listener.wake()
                await work(
                    listener, isStopping: { isStopping.withLock { $0 } },
                    later: { look in group.addTask { await look() } })
                // Outside of this task's own cancellation, so that jobs are handed back also when it was cancelled.
                let wait = Task.isCancelled ? Duration.zero : settings.drain
                await Task { await drain(wait) }.value
                group.cancelAll()
            }
        } onGracefulShutdown: {
            isStopping.withLock { $0 = true }
            listener.nudge()
        }
    }

    /// Runs, one after the other, everything that is due now, and what becomes due by that, until nothing is. For tests: it starts no tasks
    /// of its own accord and never sleeps, so that a test that owns the clock owns what happens.
    package func runUntilIdle() async throws {
        try await scheduler.register()
        for _ in 0..<Self.idleJobsMax {
            let ticks = try await scheduler.fireDue { throw $1 }
            let swept = try await sweep()
            if let job = try await claim(atMost: 1).first {
                let hold = take(job, isPatient: false)
                await perform(hold, isPatient: false)
            } else if ticks + swept == 0 {
                return
            }
        }
        preconditionFailure(
            "\(Self.idleJobsMax) jobs have run and there are always more: does one enqueue or snooze itself without end?"
        )
    }
}

extension JobRunner {
    /// One pass at every call, until it is time to stop.
    private func work(
        _ listener: JobNotifier.Listener,
        isStopping: () -> Bool,
        later: (@escaping @Sendable () async -> Void) -> Void
    ) async {
        let isLookingAgain = Mutex(false)
        var failures = 0
        var isRegistered = false
        for await _ in listener.calls {
            if isStopping() { return }
            if listener.takeWake(), isLookingAgain.exchange(true) == false {
                // The transaction that announced its job may commit only after this pass.
                later {
                    for delay in [20, 100] where (try? await Task.sleep(for: .milliseconds(delay))) != nil {
                        listener.nudge()
                    }
                    isLookingAgain.exchange(false)
                }
            }
            do {
                if !isRegistered {
                    try await scheduler.register()
                    isRegistered = true
                }
                try await pass(listener)
                if failures > 0 {
                    logger.info("the queue can be reached again", metadata: ["failures": .stringConvertible(failures)])
                }
                failures = 0
            } catch {
                failures += 1
                // A database that is away is told once, twice, four times …, not twice a second.
                if failures & (failures - 1) == 0 {
                    logger.error(
                        "the queue could not be worked on",
                        metadata: ["cause": "\(error)", "failures": .stringConvertible(failures)])
                }
            }
        }
    }

    private func pass(_ listener: JobNotifier.Listener) async throws {
        _ = try await scheduler.fireDue { schedule, error in
            metrics.increment("gatehouse_schedule_failures_total", [("schedule", schedule)])
            logger.error("a schedule could not tick", metadata: ["schedule": "\(schedule)", "cause": "\(error)"])
        }
        _ = try await sweep()
        let free = settings.slots - running.count
        guard free > 0 else { return }
        for job in try await claim(atMost: free) {
            let hold = take(job, isPatient: true)
            // A task of its own: one that will not stop must not keep the process from stopping.
            Task {
                await perform(hold, isPatient: true)
                listener.nudge()
            }
        }
    }

    func claim(atMost count: Int) async throws(Problem) -> [ClaimedJob] {
        try await database.write { [kinds, lease = settings.lease] transaction in
            try transaction.promoteJobs(atMost: Self.promotedMax)
            return try transaction.claimJobs(of: kinds, atMost: count, lease: lease)
        }
    }

    /// Renews the leases of everything that runs here, and hears who is to stop.
    func beat() async {
        let holds = running.all
        guard !holds.isEmpty else { return }
        do {
            let grips = holds.map(\.job.leaseToken)
            let beats = try await database.write { [lease = settings.lease] in
                try $0.renewLeases(of: grips, lease: lease)
            }
            for hold in holds { hold.heard(beats[hold.job.leaseToken]) }
        } catch {
            logger.warning(
                "the leases of running jobs were not renewed",
                metadata: ["jobs": .stringConvertible(holds.count), "cause": "\(error)"])
            // Whoever could not renew for so long must take it that somebody else has the job. The fence decides in the end.
            for hold in holds where hold.timeSinceHeard > settings.lease { hold.stop(.leaseLost) }
        }
    }

    /// Ends the time of workers that are gone. Each job has its own transaction, so that a hook that fails keeps no other from its turn.
    /// - Returns: how many jobs were moved.
    func sweep() async throws(Problem) -> Int {
        let expired = try await database.read { [kinds] in try $0.expiredJobs(of: kinds, atMost: Self.sweptMax) }
        var moved = 0
        for job in expired {
            do {
                let ending = try await database.write { transaction in
                    let ending = try transaction.move(job.leaseToken, onlyExpired: true, error: "The worker was lost.")
                    { try $0.loseLease(at: transaction.now) }
                    if case .abandoned(let why) = ending {
                        try workers[job.kind]?.abandoned(job.payload, why, transaction)
                    }
                    return ending
                }
                guard let ending else { continue }
                moved += 1
                record(ending, of: job)
            } catch {
                log(job).error("a lost job could not be ended; it will be tried again", metadata: ["cause": "\(error)"])
                try await database.write { [lease = settings.lease] in try $0.postpone(job.leaseToken, by: lease) }
            }
        }
        return moved
    }

    private func drain(_ limit: Duration) async {
        await running.waitUntilEmpty(atMost: limit)
        for hold in running.all { hold.stop(.draining) }
        await running.waitUntilEmpty(atMost: Self.stoppingGrace)
        for hold in running.all { await handBack(hold) }
    }

    private func sample() async {
        do {
            let counts = try await database.read { [queue] in try queue.counts(in: $0) }
            metrics.set(counts)
        } catch {
            logger.debug("the queue was not measured", metadata: ["cause": "\(error)"])
        }
    }

    private static func every(_ interval: Duration, _ body: () async -> Void) async {
        while (try? await Task.sleep(for: interval)) != nil { await body() }
    }
}

extension Mutex {
    @discardableResult
    fileprivate borrowing func exchange(_ new: Value) -> Value where Value: Sendable & Copyable {
        withLock { value in
            defer { value = new }
            return value
        }
    }
}
