package import Base
package import OpenTelemetry
import ServiceLifecycle
package import Storage
import Synchronization
package import Telemetry

/// Claims jobs from the queue, runs their workers, and fires schedules.
///
/// Any number of runners, in one process or many, share a queue: a job is leased to one worker at a time, and only the
/// holder of the current lease can end it. A runner claims when it is signalled, when the next due time comes (a
/// scheduled job, a retry, a schedule's tick, the end of a lease), and at the latest after ``Settings/poll``. It begins
/// with a read; it writes only where something is due.
package struct JobRunner: Service {
    package struct Settings: Sendable {
        /// Jobs of ``JobLane/compute`` that run at once.
        package var slots: Int
        /// Jobs of the other lanes that run at once.
        package var systemSlots: Int
        package var mailSlots: Int
        package var outboundSlots: Int
        package var webhookSlots: Int
        package var exportSlots: Int
        /// Jobs of ``JobLane/short`` that run at once: as many as of ``JobLane/compute``, but at least two.
        package var shortSlots: Int
        /// Jobs of ``JobLane/compute`` of one organisation that run at once, in all processes together: half of the
        /// slots unless given, so that another organisation finds a free one.
        package var organisationSlots: Int
        /// The same of ``JobLane/short``.
        package var organisationShortSlots: Int { max(1, shortSlots / 2) }
        /// The same of ``JobLane/outbound``: another organisation's calls find a free slot where a service hangs.
        package var organisationOutboundSlots: Int { max(1, outboundSlots / 2) }
        /// The same of ``JobLane/webhooks``: an eighth, because servers that do not answer are common there.
        package var organisationWebhookSlots: Int { max(1, webhookSlots / 8) }
        /// How long a worker keeps its job without a heartbeat.
        package var lease: Duration
        package var heartbeat: Duration
        /// How long a running job may take to get its cancellation.
        package var cancellationPoll: Duration
        /// How long a lost signal of another process can delay a job.
        package var poll: Duration
        /// How long running jobs may continue after the start of a graceful shutdown.
        package var drain: Duration

        package init(
            slots: Int = 4,
            systemSlots: Int = 4,
            mailSlots: Int = 4,
            outboundSlots: Int = 4,
            webhookSlots: Int = 16,
            exportSlots: Int = 2,
            organisationSlots: Int? = nil,
            lease: Duration = .seconds(30),
            heartbeat: Duration = .seconds(10),
            cancellationPoll: Duration = .milliseconds(500),
            poll: Duration = JobQueue.repairInterval,
            drain: Duration = .seconds(20)
        ) {
            precondition(
                min(slots, systemSlots, mailSlots, outboundSlots, webhookSlots, exportSlots) >= 1,
                "a lane needs a slot to run a job in")
            let organisationSlots = organisationSlots ?? max(1, slots / 2)
            precondition(organisationSlots >= 1, "an organisation needs a slot to run a job in")
            precondition(heartbeat < lease, "a lease must outlast the interval of heartbeats")
            self.slots = slots
            self.systemSlots = systemSlots
            self.mailSlots = mailSlots
            self.outboundSlots = outboundSlots
            self.webhookSlots = webhookSlots
            self.exportSlots = exportSlots
            shortSlots = max(2, slots)
            self.organisationSlots = organisationSlots
            self.lease = lease
            self.heartbeat = heartbeat
            self.cancellationPoll = cancellationPoll
            self.poll = poll
            self.drain = drain
        }

        func slots(of lane: JobLane) -> Int {
            switch lane {
            case .system: systemSlots
            case .mail: mailSlots
            case .outbound: outboundSlots
            case .webhooks: webhookSlots
            case .compute: slots
            case .short: shortSlots
            case .export: exportSlots
            }
        }

        /// The maximum of one organisation in a lane; nil where organisations do not share it.
        func organisationMax(in lane: JobLane) -> Int? {
            switch lane {
            case .compute: organisationSlots
            case .short: organisationShortSlots
            case .outbound: organisationOutboundSlots
            case .webhooks: organisationWebhookSlots
            case .system, .mail, .export: nil
            }
        }
    }

    /// How long cancelled jobs have to end at a stop before they are handed back.
    package static let stoppingGrace = Duration.seconds(2)
    /// Jobs that become available, and leases that expire, in one pass.
    static let promotedMax = 1_000
    static let expiredMax = 100
    /// The first pause after a failed pass. It doubles up to ``Settings/poll``.
    static let retryPause = Duration.milliseconds(100)
    /// After this number of jobs ``runUntilIdle()`` reports an endless loop.
    static let idleJobsMax = 100_000

    let database: any Database
    let workers: [String: Worker]
    let kinds: JobKinds
    let scheduler: Scheduler
    let queue: JobQueue
    let metrics: Metrics
    let logger: Logger
    /// Nil where jobs are not traced.
    let tracer: OTLPTracer?
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
        tracer: OTLPTracer? = nil,
        runtime: Runtime,
        settings: Settings = .init()
    ) {
        let workers = workers + [PruneJobsJob.worker(database)]
        let kinds = workers.map(\.name).sorted()
        precondition(Set(kinds).count == kinds.count, "two workers have the same kind of job: \(kinds)")
        self.database = database
        self.workers = Dictionary(uniqueKeysWithValues: workers.map { ($0.name, $0) })
        self.kinds = JobKinds(kinds)
        scheduler = Scheduler(database: database, schedules: schedules + [PruneJobsJob.schedule], queue: queue)
        self.queue = queue
        self.metrics = metrics
        self.logger = logger
        self.tracer = tracer
        self.runtime = runtime
        self.settings = settings
        metrics.describeJobs()
    }

    /// Runs jobs until a graceful shutdown. Then it claims no more, gives running jobs `drain` to end, and
    /// hands back the rest.
    package func run() async throws {
        queue.connect(to: database)
        let registration = queue.notifier.addRunner(of: Set(kinds.names))
        defer { queue.notifier.remove(registration) }
        let isStopping = Mutex(false)
        await withGracefulShutdownHandler {
            await withDiscardingTaskGroup { group in
                group.addTask { await sendHeartbeats() }
                group.addTask { await pollCancellations() }
                await claimJobs(registration, isStopping: { isStopping.withLock { $0 } })
                // A task of its own, so that jobs are handed back also when this task is cancelled.
                let wait = Task.isCancelled ? Duration.zero : settings.drain
                await Task { await drain(wait) }.value
                group.cancelAll()
            }
        } onGracefulShutdown: {
            isStopping.withLock { $0 = true }
            registration.signal.signal()
        }
    }

    /// Writes the schedules that are new or have another rule: their first tick is after now.
    package func registerSchedules() async throws(Problem) { try await scheduler.register() }

    /// Runs everything that is due now, and everything that becomes due by that, one job after the other. For tests: it
    /// starts no background tasks and never sleeps, so the test's clock alone decides what is due.
    /// - Parameter count: of jobs, after which it returns.
    package func runUntilIdle(atMost count: Int = .max) async throws {
        try await registerSchedules()
        let claims = JobLane.allCases.map { claim(of: $0, count: 1) }
        var rest = count
        for _ in 0..<Self.idleJobsMax where rest > 0 {
            let due = try await database.read { try self.dueJobs(for: claims, in: $0) }
            let ticks = try await scheduler.fire(due.schedules) { throw $1 }
            let expired = try await expireLeases(of: due.expired)
            if !due.claims.isEmpty, let job = try await lease(due.claims, atMost: 1).jobs.first {
                let runningJob = start(job, isPatient: false)
                await perform(runningJob, isPatient: false)
                rest -= 1
            } else if ticks + expired == 0 {
                return
            }
        }
        if rest == 0 { return }
        preconditionFailure(
            "\(Self.idleJobsMax) jobs have run and more are due: does a job enqueue or snooze itself without end?"
        )
    }
}

extension JobRunner {
    /// One pass at every signal and due time, until `isStopping`.
    private func claimJobs(_ registration: JobNotifier.Registration, isStopping: () -> Bool) async {
        var failures = 0
        var isRegistered = false
        while !isStopping(), !Task.isCancelled {
            var pause = settings.poll
            do {
                if !isRegistered {
                    try await registerSchedules()
                    isRegistered = true
                }
                pause = min(pause, try await pass(registration))
                if failures > 0 {
                    logger.info("the queue is reachable again", metadata: ["failures": .stringConvertible(failures)])
                }
                failures = 0
            } catch {
                failures += 1
                pause = min(pause, Self.retryPause * (1 << min(failures, 10)))
                // Logged at the first, second, fourth, eighth … failure in a row.
                if failures & (failures - 1) == 0 {
                    logger.error(
                        "the queue is not reachable",
                        metadata: ["cause": "\(error)", "failures": .stringConvertible(failures)])
                }
            }
            await registration.signal.wait(atMost: pause)
        }
    }

    /// Does what is due.
    /// - Returns: the time until the next due time, as known after this pass.
    private func pass(_ registration: JobNotifier.Registration) async throws -> Duration {
        let claims = vacantClaims
        registration.setVacant(Set(claims.map(\.lane)))
        let (due, untilNext) = try await database.read { transaction in
            let next = try [transaction.nextDueTime(of: kinds), scheduler.nextTick(in: transaction)]
            return try (
                self.dueJobs(for: claims, in: transaction),
                next.compactMap { $0 }.min().map { $0 - transaction.now }
            )
        }
        let ticks = try await scheduler.fire(due.schedules) { schedule, error in
            metrics.increment("gatehouse_schedule_failures_total", [("schedule", schedule)])
            logger.error("a schedule's tick failed", metadata: ["schedule": "\(schedule)", "cause": "\(error)"])
        }
        let expired = try await expireLeases(of: due.expired)
        var promoted = 0
        if !due.claims.isEmpty {
            let leased = try await lease(due.claims)
            promoted = leased.promoted
            for job in leased.jobs {
                let runningJob = start(job, isPatient: true)
                // An unstructured task: a worker that ignores its cancellation must not keep the process from stopping.
                Task {
                    await perform(runningJob, isPatient: true)
                    registration.signal.signal()
                }
            }
        }
        // A fired schedule has another next tick, and an expired lease or a full batch of promotions may leave more to
        // do.
        let isComplete = ticks + expired == 0 && promoted < Self.promotedMax
        return isComplete ? untilNext ?? settings.poll : .zero
    }

    private func dueJobs(for claims: [LaneClaim], in transaction: Transaction) throws -> DueJobs {
        try DueJobs(
            schedules: scheduler.due(in: transaction),
            expired: transaction.expiredJobs(of: kinds, atMost: Self.expiredMax),
            claims: transaction.dueClaims(among: claims)
        )
    }

    /// A claim for each lane with a free slot.
    private var vacantClaims: [LaneClaim] {
        JobLane.allCases.compactMap { lane in
            let free = settings.slots(of: lane) - running.count(of: lane)
            return free > 0 ? claim(of: lane, count: free) : nil
        }
    }

    func claim(of lane: JobLane, count: Int) -> LaneClaim {
        LaneClaim(lane: lane, kinds: kinds, count: count, organisationMax: settings.organisationMax(in: lane))
    }

    /// Makes due jobs available and leases those that the claims allow, at most `count`.
    func lease(_ claims: [LaneClaim], atMost count: Int = .max) async throws(Problem) -> (
        promoted: Int, jobs: [ClaimedJob]
    ) {
        try await database.write { [lease = settings.lease] transaction in
            // Locks before rows of jobs are locked: the other order could end in a deadlock.
            for claim in claims where claim.organisationMax != nil { try transaction.lockLane(claim.lane) }
            let promoted = try transaction.promoteJobs(atMost: Self.promotedMax)
            var jobs: [ClaimedJob] = []
            for claim in claims where jobs.count < count { jobs += try transaction.claimJobs(claim, lease: lease) }
            return (promoted, jobs)
        }
    }

    private func sendHeartbeats() async {
        while (try? await Task.sleep(for: settings.heartbeat)) != nil { await renewLeases() }
    }

    private func pollCancellations() async {
        while (try? await Task.sleep(for: settings.cancellationPoll)) != nil { await stopCancelledJobs() }
    }

    /// Stops the running jobs whose cancellation was requested.
    func stopCancelledJobs() async {
        let tokens = running.all.map(\.job.leaseToken)
        guard !tokens.isEmpty else { return }
        // When the read fails, the next poll or heartbeat delivers the cancellation.
        let cancelled = try? await database.read { Set(try $0.cancelledLeases(among: tokens)) }
        guard let cancelled, !cancelled.isEmpty else { return }
        for job in running.all where cancelled.contains(job.job.leaseToken) { job.stop(.requested) }
    }

    /// Renews the leases of the running jobs, and stops those that are cancelled or whose lease has expired.
    func renewLeases() async {
        let jobs = running.all
        guard !jobs.isEmpty else { return }
        do {
            let tokens = jobs.map(\.job.leaseToken)
            let heartbeats = try await database.write { [lease = settings.lease] in
                try $0.renewLeases(of: tokens, lease: lease)
            }
            for job in jobs { job.apply(heartbeats[job.job.leaseToken]) }
        } catch {
            logger.warning(
                "the leases of running jobs were not renewed",
                metadata: ["jobs": .stringConvertible(jobs.count), "cause": "\(error)"])
            // After this time another runner may have claimed the job. The fence protects its effects in any case.
            for job in jobs where job.timeSinceHeartbeat > settings.lease { job.stop(.leaseLost) }
        }
    }

    /// Ends the leases of workers that have stopped their heartbeats. Each job has its own transaction, so that a
    /// failing `abandoned` of one does not affect another.
    /// - Returns: the number of jobs that changed state.
    func expireLeases(of expired: [ClaimedJob]) async throws(Problem) -> Int {
        var moved = 0
        for job in expired {
            do {
                let ending = try await database.write { [queue, workers] transaction in
                    let ending = try transaction.move(
                        job.leaseToken, onlyExpired: true, error: "The lease of the worker expired."
                    ) { try $0.expireLease(at: transaction.now) }
                    if case .abandoned(let reason) = ending {
                        try workers[job.kind]?.abandoned(job.payload, reason, transaction)
                    }
                    if let ending { queue.notifier.signal(ending, of: job, in: transaction) }
                    return ending
                }
                guard let ending else { continue }
                moved += 1
                record(ending, of: job)
            } catch {
                log(job).error(
                    "a job with an expired lease could not be ended; it is tried again after another lease",
                    metadata: ["cause": "\(error)"])
                try await database.write { [lease = settings.lease] in try $0.postpone(job.leaseToken, by: lease) }
            }
        }
        return moved
    }

    private func drain(_ limit: Duration) async {
        await running.waitUntilEmpty(atMost: limit)
        for job in running.all { job.stop(.draining) }
        await running.waitUntilEmpty(atMost: Self.stoppingGrace)
        await withDiscardingTaskGroup { tasks in
            for job in running.all { tasks.addTask { await handBack(job) } }
        }
    }
}

/// What one read of the tables found for a runner.
private struct DueJobs: Sendable {
    let schedules: [String]
    let expired: [ClaimedJob]
    /// Those of the lanes with free slots that find a job.
    let claims: [LaneClaim]
}

extension JobNotifier {
    /// Signals what follows from the end of a lease.
    func signal(_ ending: JobLifecycle.Ending, of job: ClaimedJob, in transaction: Transaction) {
        switch ending {
        case .completed, .abandoned: signalEnd(of: job.leaseToken.id, in: transaction)
        case .snoozed, .retried, .handedBack, .crashed: signalQueued(job.kind, job.lane, in: transaction)
        }
    }
}
