import Base
import OpenTelemetry
import Storage
package import Telemetry

// One job, from the start of its worker to the statement that ends its lease.
extension JobRunner {
    /// The state change that is requested for a job.
    private enum Verdict: Sendable {
        case done(effects: @Sendable (Transaction) throws -> Void)
        case snooze(Duration)
        case failed(FailedAttempt, delay: Duration)
        case stopped
        case handedBack
    }

    /// - Parameter isPatient: whether the job may wait, for a timer or for the database to be reachable.
    func start(_ job: ClaimedJob, isPatient: Bool) -> RunningJob {
        let runningJob = RunningJob(
            job, database: database, lease: settings.lease, runtime: runtime, logger: log(job), usesTimer: isPatient)
        running.add(runningJob)
        setRunning(job.lane)
        return runningJob
    }

    func perform(_ runningJob: RunningJob, isPatient: Bool) async {
        guard let tracer else { return await perform(runningJob, isPatient: isPatient, in: nil) }
        let span = tracer.startJob("job \(runningJob.job.kind)")
        await span.run { await perform(runningJob, isPatient: isPatient, in: span) }
        span.end()
    }

    private func perform(_ runningJob: RunningJob, isPatient: Bool, in span: OTLPSpan?) async {
        let job = runningJob.job
        guard let worker = workers[job.kind] else {
            preconditionFailure("a job '\(job.kind)' was claimed without a worker for it")
        }
        let context = JobContext(
            id: job.leaseToken.id, attempt: job.attempt, fence: job.leaseToken.fence, logger: log(job),
            runningJob: runningJob)
        let start = ContinuousClock.now
        // A task of its own, so that a job can be cancelled without cancelling its runner.
        let work = Task { try await worker.perform(job.payload, context) }
        runningJob.attach(work)
        let result = await withTaskCancellationHandler {
            await work.result
        } onCancel: {
            runningJob.stop(.draining)
        }
        runningJob.end()
        if let span { Self.describe(span, of: job, result) }
        metrics.observe(
            "gatehouse_job_duration_seconds", [("kind", job.kind)], seconds: (ContinuousClock.now - start).inSeconds)
        await conclude(runningJob, worker, result, isPatient: isPatient)
        running.remove(runningJob)
        setRunning(job.lane)
    }

    private static func describe(_ span: OTLPSpan, of job: ClaimedJob, _ result: Result<JobOutcome, any Error>) {
        span.set("gatehouse.job.kind", job.kind)
        span.set("gatehouse.job.id", "\(job.leaseToken.id)")
        span.set("gatehouse.job.attempt", job.attempt)
        if case .failure(let error) = result {
            span.fail((error as? Problem)?.kind.code ?? "\(type(of: error))")
        }
    }

    /// Releases the lease of a job whose worker does not stop.
    func handBack(_ runningJob: RunningJob) async {
        guard let worker = workers[runningJob.job.kind] else { return }
        await conclude(runningJob, worker, .handedBack, isPatient: false)
    }

    private func conclude(
        _ running: RunningJob, _ worker: Worker, _ result: Result<JobOutcome, any Error>, isPatient: Bool
    ) async {
        switch result {
        case .success(let outcome):
            switch outcome.kind {
            case .done(let effects): await conclude(running, worker, .done(effects: effects), isPatient: isPatient)
            case .snooze(let duration): await conclude(running, worker, .snooze(duration), isPatient: isPatient)
            }
        case .failure(let error):
            switch running.stopReason {
            case .requested: await conclude(running, worker, .stopped, isPatient: isPatient)
            case .draining: await conclude(running, worker, .handedBack, isPatient: isPatient)
            case .leaseLost: recordLoss(of: running.job)
            case nil:
                log(running.job).warning("a job failed", metadata: ["cause": "\(error)"])
                await conclude(running, worker, failed(running.job, error), isPatient: isPatient)
            }
        }
    }

    private func conclude(_ running: RunningJob, _ worker: Worker, _ verdict: Verdict, isPatient: Bool) async {
        do {
            do {
                record(try await settle(running, worker, verdict, isPatient: isPatient), of: running.job)
            } catch {
                guard case .done = verdict else { throw error }
                log(running.job).warning("the effects of a job failed", metadata: ["cause": "\(error)"])
                let verdict = failed(running.job, error)
                record(try await settle(running, worker, verdict, isPatient: isPatient), of: running.job)
            }
        } catch {
            // Nothing was changed: the job stays leased and is available again when the lease expires.
            log(running.job).error(
                "a job could not be ended; it runs again when its lease expires", metadata: ["cause": "\(error)"])
        }
    }

    /// Moves the job by its lease token, with the effects of its work in the same transaction.
    /// - Returns: nil when the lease was lost.
    private func settle(_ running: RunningJob, _ worker: Worker, _ verdict: Verdict, isPatient: Bool)
        async throws(Problem) -> JobLifecycle.Ending?
    {
        let job = running.job
        let progress = running.unwritten
        var error: String?
        if case .failed(let failure, _) = verdict { error = failure.text }
        return try await retrying(isPatient: isPatient) { [error] () throws(Problem) in
            try await database.write { [queue] transaction in
                let now = transaction.now
                let ending = try transaction.move(job.leaseToken, progress: progress, error: error) { lifecycle in
                    switch verdict {
                    case .done: try lifecycle.complete(at: now)
                    case .snooze(let duration): try lifecycle.snooze(for: duration, at: now)
                    case .failed(let failure, let delay): try lifecycle.fail(failure, delay: delay, at: now)
                    case .stopped: try lifecycle.stop(at: now)
                    case .handedBack: try lifecycle.handBack(at: now)
                    }
                }
                switch ending {
                case .completed: if case .done(let effects) = verdict { try effects(transaction) }
                case .abandoned(let reason): try worker.abandoned(job.payload, reason, transaction)
                case .snoozed, .retried, .handedBack, .crashed, nil: break
                }
                if let ending { queue.notifier.signal(ending, of: job, in: transaction) }
                return ending
            }
        }
    }

    /// Retries for about 5 s, so that a short outage of the database does not discard the result of long work.
    private func retrying<Value>(isPatient: Bool, _ body: () async throws(Problem) -> Value) async throws(Problem)
        -> Value
    {
        for delay in isPatient ? [100, 400, 1_600, 3_200] : [] {
            do {
                return try await body()
            } catch  where error.isTransient {
                guard (try? await Task.sleep(for: .milliseconds(delay))) != nil else { break }
            }
        }
        return try await body()
    }

    private func failed(_ job: ClaimedJob, _ error: any Error) -> Verdict {
        .failed(
            FailedAttempt(error),
            delay: Backoff.delay(
                afterAttempt: job.attempt, atMost: FailedAttempt.waitMax(after: error),
                randomBytes: runtime.randomBytes))
    }
}

// Logs and metrics.
extension JobRunner {
    func log(_ job: ClaimedJob) -> Logger {
        var logger = logger
        logger[metadataKey: "job"] = "\(job.leaseToken.id)"
        logger[metadataKey: "kind"] = "\(job.kind)"
        logger[metadataKey: "attempt"] = "\(job.attempt)"
        return logger
    }

    private func setRunning(_ lane: JobLane) {
        metrics.set("gatehouse_jobs_running", [("lane", lane.rawValue)], to: Double(running.count(of: lane)))
    }

    func record(_ ending: JobLifecycle.Ending, of job: ClaimedJob) {
        metrics.increment("gatehouse_jobs_ended_total", [("kind", job.kind), ("outcome", ending.label)])
        switch ending {
        case .abandoned(.failed(let reason)), .abandoned(.exhausted(_, let reason)):
            log(job).error("a job is dead", metadata: ["reason": "\(reason)"])
        case .abandoned(.poisoned):
            log(job).error("a job is dead", metadata: ["reason": "its lease expired too often"])
        case .crashed: log(job).warning("the lease of a job expired; the job is available again")
        case .completed, .snoozed, .retried, .handedBack, .abandoned(.cancelled):
            log(job).debug("a job ended", metadata: ["outcome": "\(ending.label)"])
        }
    }

    private func record(_ ending: JobLifecycle.Ending?, of job: ClaimedJob) {
        if let ending { record(ending, of: job) } else { recordLoss(of: job) }
    }

    private func recordLoss(of job: ClaimedJob) {
        metrics.increment("gatehouse_jobs_ended_total", [("kind", job.kind), ("outcome", "lost")])
        log(job).warning("the lease of a job was lost; the effects of its worker are discarded")
    }
}

extension JobLifecycle.Ending {
    fileprivate var label: String {
        switch self {
        case .completed: "completed"
        case .snoozed: "snoozed"
        case .retried: "retried"
        case .handedBack: "handed-back"
        case .crashed: "crashed"
        case .abandoned(.failed), .abandoned(.exhausted): "failed"
        case .abandoned(.poisoned): "poisoned"
        case .abandoned(.cancelled): "cancelled"
        }
    }
}

extension Problem {
    /// Whether the same transaction may succeed soon.
    fileprivate var isTransient: Bool {
        switch (cause as? StorageError)?.kind {
        case .serialization, .connectionLost, .outcomeUnknown, .overloaded, .full: true
        case .duplicate, .reference, .check, .cancelled, .fileReplaced, .damaged, .other, nil: false
        }
    }
}

extension Metrics {
    func describeJobs() {
        describe("gatehouse_jobs_ended_total", "Leases of jobs that ended, by kind and outcome.")
        describe("gatehouse_jobs_running", "Jobs that run in this process, by lane.")
        describe("gatehouse_job_duration_seconds", "Run time of jobs, by kind.")
        describe("gatehouse_jobs", "Unfinished and dead jobs of the queue, by lane and state.")
        describe("gatehouse_jobs_oldest_available_seconds", "Waiting time of the oldest available job, by lane.")
        describe("gatehouse_schedule_failures_total", "Failed ticks of schedules, which are tried again.")
    }

    /// Sets the gauges of the queue. They describe the database, not the process, so they are read when metrics are
    /// scraped.
    package func set(_ counts: JobCounts) {
        for lane in JobLane.allCases {
            let counts = counts.lanes[lane] ?? LaneCounts()
            let states: [(JobState, Int)] = [
                (.scheduled, counts.scheduled), (.available, counts.available), (.leased, counts.leased),
                (.retryable, counts.retryable), (.dead, counts.dead),
            ]
            for (state, count) in states {
                set("gatehouse_jobs", [("lane", lane.rawValue), ("state", state.rawValue)], to: Double(count))
            }
            set(
                "gatehouse_jobs_oldest_available_seconds", [("lane", lane.rawValue)],
                to: counts.oldestAvailable.inSeconds)
        }
    }
}
