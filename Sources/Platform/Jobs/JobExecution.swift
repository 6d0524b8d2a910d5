import Base
import Storage
import Telemetry

// One job, from its worker's first step to the statement that ends it.
extension JobRunner {
    /// What is to become of a job, before the database has agreed.
    private enum Verdict: Sendable {
        case done(effects: @Sendable (Transaction) throws -> Void)
        case snooze(Duration)
        case failed(FailedAttempt, delay: Duration)
        case stopped
        case handedBack
    }

    /// - Parameter isPatient: whether there is time to wait, for a timer or for the database to come back.
    func take(_ job: ClaimedJob, isPatient: Bool) -> RunningJob {
        let hold = RunningJob(
            job, database: database, lease: settings.lease, runtime: runtime, logger: log(job), usesTimer: isPatient)
        running.add(hold)
        metrics.set("gatehouse_jobs_running", to: Double(running.count))
        return hold
    }

    func perform(_ hold: RunningJob, isPatient: Bool) async {
        let job = hold.job
        guard let worker = workers[job.kind] else {
            preconditionFailure("a job '\(job.kind)' was taken up that nobody here can do")
        }
        let context = JobContext(
            id: job.leaseToken.id, attempt: job.attempt, fence: job.leaseToken.fence, logger: log(job), hold: hold)
        let start = ContinuousClock.now
        // A task of its own, so that a job can be told to stop without stopping its runner.
        let work = Task { try await worker.perform(job.payload, context) }
        hold.attach(work)
        let result = await withTaskCancellationHandler {
            await work.result
        } onCancel: {
            hold.stop(.draining)
        }
        hold.end()
        metrics.observe(
            "gatehouse_job_duration_seconds", [("kind", job.kind)], seconds: (ContinuousClock.now - start).inSeconds)
        await conclude(hold, worker, result, isPatient: isPatient)
        running.remove(hold)
        metrics.set("gatehouse_jobs_running", to: Double(running.count))
    }

    /// Takes a job from a worker that does not stop.
    func handBack(_ hold: RunningJob) async {
        guard let worker = workers[hold.job.kind] else { return }
        await conclude(hold, worker, .handedBack, isPatient: false)
    }

    private func conclude(
        _ hold: RunningJob, _ worker: Worker, _ result: Result<JobOutcome, any Error>, isPatient: Bool
    ) async {
        switch result {
        case .success(let outcome):
            switch outcome.kind {
            case .done(let effects): await conclude(hold, worker, .done(effects: effects), isPatient: isPatient)
            case .snooze(let duration): await conclude(hold, worker, .snooze(duration), isPatient: isPatient)
            }
        case .failure(let error):
            switch hold.stopReason {
            case .requested: await conclude(hold, worker, .stopped, isPatient: isPatient)
            case .draining: await conclude(hold, worker, .handedBack, isPatient: isPatient)
            case .leaseLost: recordLoss(of: hold.job)
            case nil:
                log(hold.job).warning("a job failed", metadata: ["cause": "\(error)"])
                await conclude(hold, worker, failed(hold.job, error), isPatient: isPatient)
            }
        }
    }

    private func conclude(_ hold: RunningJob, _ worker: Worker, _ verdict: Verdict, isPatient: Bool) async {
        do {
            do {
                note(try await settle(hold, worker, verdict, isPatient: isPatient), of: hold.job)
            } catch {
                guard case .done = verdict else { throw error }
                log(hold.job).warning("the effects of a job failed", metadata: ["cause": "\(error)"])
                note(try await settle(hold, worker, failed(hold.job, error), isPatient: isPatient), of: hold.job)
            }
        } catch {
            // Nothing was changed: the job stays leased, and goes on when its lease has run out.
            log(hold.job).error("a job could not be ended; it will be taken up again", metadata: ["cause": "\(error)"])
        }
    }

    /// The guarded move and everything that is true only together with it.
    /// - Returns: nil when the lease was lost.
    private func settle(_ hold: RunningJob, _ worker: Worker, _ verdict: Verdict, isPatient: Bool) async throws(Problem)
        -> JobLife.Ending?
    {
        let job = hold.job
        let progress = hold.unwritten
        var error: String?
        if case .failed(let failure, _) = verdict { error = failure.text }
        return try await persevering(isPatient: isPatient) { [error] () throws(Problem) in
            try await database.write { transaction in
                let now = transaction.now
                let ending = try transaction.move(job.leaseToken, progress: progress, error: error) { life in
                    switch verdict {
                    case .done: try life.complete(at: now)
                    case .snooze(let duration): try life.snooze(for: duration, at: now)
                    case .failed(let failure, let delay): try life.fail(failure, delay: delay, at: now)
                    case .stopped: try life.stop(at: now)
                    case .handedBack: try life.handBack(at: now)
                    }
                }
                switch ending {
                case .completed: if case .done(let effects) = verdict { try effects(transaction) }
                case .abandoned(let why): try worker.abandoned(job.payload, why, transaction)
                case .snoozed, .retried, .handedBack, .crashed, nil: break
                }
                return ending
            }
        }
    }

    /// Hours of work must not be lost to a database that is away for a moment.
    private func persevering<Value>(isPatient: Bool, _ body: () async throws(Problem) -> Value) async throws(Problem)
        -> Value
    {
        for delay in isPatient ? [100, 400, 1_600, 3_200] : [] {
            do {
                return try await body()
            } catch  where error.isPassing {
                guard (try? await Task.sleep(for: .milliseconds(delay))) != nil else { break }
            }
        }
        return try await body()
    }

    private func failed(_ job: ClaimedJob, _ error: any Error) -> Verdict {
        .failed(FailedAttempt(error), delay: Backoff.delay(afterAttempt: job.attempt, randomBytes: runtime.randomBytes))
    }
}

// What became of it, for those who watch.
extension JobRunner {
    func log(_ job: ClaimedJob) -> Logger {
        var logger = logger
        logger[metadataKey: "job"] = "\(job.leaseToken.id)"
        logger[metadataKey: "kind"] = "\(job.kind)"
        logger[metadataKey: "attempt"] = "\(job.attempt)"
        return logger
    }

    func record(_ ending: JobLife.Ending, of job: ClaimedJob) {
        metrics.increment("gatehouse_jobs_ended_total", [("kind", job.kind), ("outcome", ending.label)])
        switch ending {
        case .abandoned(.failed(let reason)): log(job).error("a job is dead", metadata: ["reason": "\(reason)"])
        case .abandoned(.poisoned):
            log(job).error("a job is dead", metadata: ["reason": "its workers were lost too often"])
        case .crashed: log(job).warning("a worker was lost; its job is available again")
        case .completed, .snoozed, .retried, .handedBack, .abandoned(.cancelled):
            log(job).debug("a job ended", metadata: ["outcome": "\(ending.label)"])
        }
    }

    private func note(_ ending: JobLife.Ending?, of job: ClaimedJob) {
        if let ending { record(ending, of: job) } else { recordLoss(of: job) }
    }

    private func recordLoss(of job: ClaimedJob) {
        metrics.increment("gatehouse_jobs_ended_total", [("kind", job.kind), ("outcome", "lost")])
        log(job).warning("a job's lease was lost; what its worker did is discarded")
    }
}

extension JobLife.Ending {
    fileprivate var label: String {
        switch self {
        case .completed: "completed"
        case .snoozed: "snoozed"
        case .retried: "retried"
        case .handedBack: "handed-back"
        case .crashed: "crashed"
        case .abandoned(.failed): "failed"
        case .abandoned(.poisoned): "poisoned"
        case .abandoned(.cancelled): "cancelled"
        }
    }
}

extension Problem {
    /// Whether the database may take the same work in a moment.
    fileprivate var isPassing: Bool {
        switch (cause as? StorageError)?.kind {
        case .serialization, .connectionLost, .outcomeUnknown, .overloaded, .full: true
        case .duplicate, .reference, .check, .cancelled, .other, nil: false
        }
    }
}

extension Metrics {
    func describeJobs() {
        describe("gatehouse_jobs_ended_total", "Times that a worker's hold on a job ended, by kind and outcome.")
        describe("gatehouse_jobs_running", "Jobs that run in this process.")
        describe("gatehouse_job_duration_seconds", "How long workers took, by kind.")
        describe("gatehouse_jobs_queued", "Unfinished and dead jobs of the queue, by state.")
        describe(
            "gatehouse_jobs_oldest_available_seconds", "How long the job that waits longest could have been running.")
        describe("gatehouse_schedule_failures_total", "Ticks of schedules that failed and will be tried again.")
    }

    func set(_ counts: JobCounts) {
        let states: [(JobState, Int)] = [
            (.scheduled, counts.scheduled), (.available, counts.available), (.leased, counts.leased),
            (.retryable, counts.retryable), (.dead, counts.dead),
        ]
        for (state, count) in states { set("gatehouse_jobs_queued", [("state", state.rawValue)], to: Double(count)) }
        set("gatehouse_jobs_oldest_available_seconds", to: counts.oldestAvailable.inSeconds)
    }
}
