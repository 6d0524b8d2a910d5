import AWS
import Modules
import SpotDecisions

/// Removes what sessions have made, whether it was written down or is found by its tag, and reports what remains.
final class CleanUpService: Sendable {
    private let database: any Database
    private let cloud: CloudService
    private let log: SessionLogService
    private let runtime: Runtime

    /// Attempts at which AWS refuses something.
    static let attemptsMax = 20
    /// The longest wait before another attempt.
    private static let retryWithin = Duration.minutes(30)

    init(database: any Database, cloud: CloudService, log: SessionLogService, runtime: Runtime) {
        self.database = database
        self.cloud = cloud
        self.log = log
        self.runtime = runtime
    }

    func perform(_ job: CleanUpJob, _ context: JobContext) async throws -> JobOutcome {
        let found = try await database.read { transaction -> (SandboxSession, Move?, Bool)? in
            guard let session = try transaction.sandboxSession(job.session, of: job.organisation) else { return nil }
            return (
                session, try transaction.unfinishedMove(of: session), try transaction.hasStoppedOriginal(session)
            )
        }
        guard let (session, move, hasStopped) = found, session.cleanUp == .pending else { return .done }
        // The job of the move rolls it back, because the session has ended.
        guard move == nil else { return .snooze(for: MoveService.pollInterval) }
        // Nothing was ever made by a session that does not replace instances.
        guard session.actuates else { return end(session, reason: nil) }
        guard let ec2 = cloud.ec2(of: session) else {
            return end(session, reason: "The credentials cannot be used.")
        }
        var removal = SessionRemoval(session, ec2)
        await removal.run(startsOriginal: hasStopped)
        guard let reason = removal.reason else {
            return removal.isWaiting
                ? .snooze(for: MoveService.pollInterval) : end(session, reason: nil, kept: removal.kept)
        }
        // The policies of the credentials may be changed, so that a refused action is tried again.
        guard !removal.isFinal, context.attempt < Self.attemptsMax else {
            return end(session, reason: reason, removed: removal.removed, kept: removal.kept)
        }
        try await report(reason, removed: removal.removed, in: session)
        throw JobFailure.retry(within: Self.retryWithin, reason: reason)
    }

    /// No further attempt is made.
    func abandon(_ job: CleanUpJob, _ abandonment: JobAbandonment, in transaction: Transaction) throws {
        guard let session = try transaction.sandboxSession(job.session, of: job.organisation),
            session.cleanUp == .pending
        else { return }
        let reason = abandonment.reason ?? "The process ended repeatedly."
        try end(session, reason: reason, in: transaction)
    }

    private func report(_ reason: String, removed: [String], in session: SandboxSession) async throws {
        try await database.write { [self] transaction in
            try transaction.removeResources(removed, of: session)
            try transaction.insertAction(
                .cleanUp, .failed, "Something could not be removed yet; it is tried again.", error: reason,
                id: runtime.id(), of: session)
            try log.append([LogLine(.error, .error, "Clean-up: \(reason)")], to: session, in: transaction)
        }
    }

    /// - Parameters:
    ///   - reason: why something remains; nil where nothing does.
    ///   - removed: the ids of what the last attempt has removed.
    ///   - kept: the ids of replacements that stay.
    private func end(_ session: SandboxSession, reason: String?, removed: [String] = [], kept: [String] = [])
        -> JobOutcome
    {
        .done { [self] transaction in
            try transaction.removeResources(removed, of: session)
            try end(session, reason: reason, kept: kept, in: transaction)
        }
    }

    private func end(
        _ session: SandboxSession, reason: String?, kept: [String] = [], in transaction: Transaction
    ) throws {
        guard let reason else { return try complete(session, kept: kept, in: transaction) }
        let remaining = try transaction.remainingResources(of: session)
        let report = Self.report(remaining, kept.isEmpty ? reason : "\(reason) \(Self.stays(kept, session))")
        try transaction.endCleanUp(of: session, as: .incomplete, report: report)
        try transaction.insertAction(
            .cleanUp, .failed, "Something could not be removed.", error: report, id: runtime.id(), of: session)
        try log.append([LogLine(.error, .error, report)], withStatusOf: session, in: transaction)
    }

    /// AWS has refused nothing.
    private func complete(_ session: SandboxSession, kept: [String], in transaction: Transaction) throws {
        let report = kept.isEmpty ? nil : Self.report(kept.map { "instance \($0)" }, Self.stays(kept, session))
        try transaction.endCleanUp(of: session, as: .done, report: report)
        try transaction.removeResources(of: session, except: kept)
        try transaction.insertAction(
            .cleanUp, .success,
            report.map { "Everything else that the session made is removed. \($0)" }
                ?? "Everything that the session made is removed.",
            id: runtime.id(), of: session)
        var lines = report.map { [LogLine(.action, .warning, $0)] } ?? []
        lines.append(LogLine(.success, "The clean-up is complete, and the credentials are removed."))
        try log.append(lines, withStatusOf: session, in: transaction)
    }

    private static func stays(_ kept: [String], _ session: SandboxSession) -> String {
        "\(kept.joined(separator: ", ")) stays, because \(session.originalInstance) was terminated."
    }

    /// - Parameter remaining: as ``Transaction/remainingResources(of:from:)`` returns it.
    static func report(_ remaining: [String], _ reason: String) -> String {
        let list = remaining.isEmpty ? "nothing that is known" : remaining.joined(separator: ", ")
        return "Not removed: \(list). \(reason)"
    }
}
