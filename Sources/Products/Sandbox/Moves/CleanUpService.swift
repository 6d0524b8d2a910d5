import AWS
import Modules
import SpotDecisions

/// Removes what sessions have made, whether it was written down or is found by its tag, and reports what remains.
final class CleanUpService: Sendable {
    private let database: any Database
    private let cloud: CloudService
    private let log: SessionLogService
    private let runtime: Runtime

    /// The longest wait before another attempt.
    private static let retryWithin = Duration.minutes(30)

    init(database: any Database, cloud: CloudService, log: SessionLogService, runtime: Runtime) {
        self.database = database
        self.cloud = cloud
        self.log = log
        self.runtime = runtime
    }

    func perform(_ job: CleanUpJob) async throws -> JobOutcome {
        let found = try await database.read { transaction -> (SandboxSession, Move?, [String], Bool)? in
            guard let session = try transaction.sandboxSession(job.session, of: job.organisation) else { return nil }
            return (
                session, try transaction.unfinishedMove(of: session),
                try transaction.remainingResources(of: session), try transaction.hasStoppedOriginal(session)
            )
        }
        guard let (session, move, remaining, hasStopped) = found, session.cleanUp == .pending else { return .done }
        // The job of the move rolls it back, because the session has ended.
        guard move == nil else { return .snooze(for: MoveService.pollInterval) }
        // Nothing was ever made by a session that does not replace instances.
        guard session.actuates else { return end(session, report: nil) }
        guard let ec2 = cloud.ec2(of: session) else {
            return end(session, report: Self.report(remaining, "The credentials cannot be used."))
        }
        do throws(AWSError) {
            guard try await clean(session, hasStopped: hasStopped, ec2) else {
                return .snooze(for: MoveService.pollInterval)
            }
            return end(session, report: nil)
        } catch {
            let reason = "\(error.message) \(error.advice)"
            guard !error.refusesCredentials else { return end(session, report: Self.report(remaining, reason)) }
            try await report(reason, in: session)
            throw JobFailure.retry(within: Self.retryWithin, reason: reason)
        }
    }

    /// No further attempt is made.
    func abandon(_ job: CleanUpJob, _ abandonment: JobAbandonment, in transaction: Transaction) throws {
        guard let session = try transaction.sandboxSession(job.session, of: job.organisation),
            session.cleanUp == .pending
        else { return }
        let reason = abandonment.reason ?? "The process ended repeatedly."
        try end(
            session, report: Self.report(try transaction.remainingResources(of: session), reason), in: transaction)
    }

    /// - Returns: false while AWS is not ready for it.
    private func clean(_ session: SandboxSession, hasStopped: Bool, _ ec2: EC2) async throws(AWSError) -> Bool {
        let removal = CloudRemoval(ec2: ec2)
        // By the tag, so that what a lost response did not report is found too.
        let tag = [EC2Filter.tag(SandboxTag.sessionKey, session.id.text)]
        var instances = try await ec2.instances([], tag)
        if hasStopped {
            switch try await removal.restart(session.originalInstance) {
            case .running: break
            case .stopping: return false
            // The replacement is the only one that does the work.
            case .gone: instances.removeAll { $0.id == session.instance }
            }
        }
        try await removal.terminate(instances)
        try await removal.remove(try await ec2.images([], tag))
        try await removeSnapshots(session, ec2)
        return true
    }

    /// Snapshots of images that were deregistered before.
    private func removeSnapshots(_ session: SandboxSession, _ ec2: EC2) async throws(AWSError) {
        let tagged = try await ec2.taggedResources([
            EC2Filter("key", SandboxTag.sessionKey), EC2Filter("value", session.id.text),
        ])
        for resource in tagged where resource.kind == .snapshot { _ = try await ec2.deleteSnapshot(resource.id) }
    }

    private func report(_ reason: String, in session: SandboxSession) async throws {
        try await database.write { [self] transaction in
            try transaction.insertAction(
                .cleanUp, .failed, "Something could not be removed yet; it is tried again.", error: reason,
                id: runtime.id(), of: session)
            try log.append([LogLine(.error, .error, "Clean-up: \(reason)")], to: session, in: transaction)
        }
    }

    private func end(_ session: SandboxSession, report: String?) -> JobOutcome {
        .done { [self] transaction in try end(session, report: report, in: transaction) }
    }

    private func end(_ session: SandboxSession, report: String?, in transaction: Transaction) throws {
        try transaction.endCleanUp(of: session, report: report)
        if report == nil { try transaction.removeResources(of: session) }
        try transaction.insertAction(
            .cleanUp, report == nil ? .success : .failed,
            report == nil ? "Everything that the session made is removed." : "Something could not be removed.",
            error: report, id: runtime.id(), of: session)
        let line =
            report.map { LogLine(.error, .error, $0) }
            ?? LogLine(.success, "The clean-up is complete, and the credentials are removed.")
        try log.append([line], withStatusOf: session, in: transaction)
    }

    private static func report(_ remaining: [String], _ reason: String) -> String {
        let list = remaining.isEmpty ? "nothing that is known" : remaining.joined(separator: ", ")
        return "Not removed: \(list). \(reason)"
    }
}
