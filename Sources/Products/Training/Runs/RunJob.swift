import Audit
import Entitlements
import Files
import Foundation
import Identity
import Modules

/// What the jobs of both kinds of run share.
enum RunJob {
    /// A run that failed for reasons of ours is tried this often.
    static let maximumAttempts = 3

    /// The name of the resolver of runs' reservations (``resolution(of:in:)``).
    static let resolver = "training.runs"

    /// A run that waits in a long queue, or computes for a day, keeps its unit; one that has ended settled it, and has no other.
    static func resolution(of reservation: Reservation, in transaction: Transaction) throws -> Reservation.Resolution {
        let run = try transaction.run(ofOperation: reservation.operation, in: reservation.organisation)
        return run?.state.isFinished == false ? .inProgress(QuotaService.lease) : .unused
    }

    static func options(_ scope: Scope) -> JobOptions {
        JobOptions(organisation: scope.organisation.text, maximumAttempts: maximumAttempts)
    }

    /// The run ended without a result: it says why, and what it had reserved is free again.
    static func abandon(
        _ id: ID<Run>,
        of organisation: ID<Organisation>,
        _ why: JobAbandonment,
        _ quotas: QuotaService,
        _ audit: AuditModule,
        in transaction: Transaction
    ) throws {
        guard let run = try transaction.run(id, of: organisation) else { return }
        let (state, reason): (Run.State, String?) =
            switch why {
            case .failed(let reason): (.failed, reason)
            case .poisoned: (.failed, "The work broke off repeatedly.")
            case .cancelled: (.cancelled, nil)
            }
        guard try transaction.end(run, as: state, error: reason) else { return }
        try quotas.release(run.reservation, in: transaction)
        if state == .failed {
            let details = ["kind": run.kind.rawValue]
            try audit.record(
                AuditEvent(
                    "run.failed", outcome: .failure, actor: run.startedBy.text, organisation: organisation.text,
                    subject: id.text, details: details),
                in: transaction
            )
        }
        let session = try transaction.trainingSession(run.session, of: organisation)
        let models = try session.map { try transaction.models(of: $0).count } ?? 0
        try transaction.move(
            run.session, of: organisation, to: models > 0 ? .phase4 : session?.datasetRun == nil ? .upload : .phase2)
    }

    /// Gives `body` the folder of this attempt, which goes again when `body` throws. What earlier attempts left is cleared away.
    static func inFolder<Result>(
        of run: Run, _ context: JobContext, _ places: TrainingFilePaths, _ body: (URL) async throws -> Result
    ) async throws -> Result {
        try await places.store.remove(places.run(run.id, of: run.session))
        let attempt = places.attempt(context.fence, at: run.id, of: run.session)
        do {
            return try await body(URL(filePath: try await places.store.folder(attempt)))
        } catch {
            try? await places.store.remove(attempt)
            throw error
        }
    }

    /// Runs `body` on the threads for computing, and hands on what it reports.
    static func compute<Result: Sendable>(
        on pool: BlockingPool,
        _ context: JobContext,
        _ body: @escaping @Sendable (_ report: (Progress) -> Void) throws -> Result
    ) async throws -> Result {
        let (updates, sender) = AsyncStream.makeStream(of: Progress.self, bufferingPolicy: .bufferingNewest(1))
        async let forwarding: Void = {
            for await update in updates {
                await context.report(percent: update.percent, phase: update.phase, message: update.message)
            }
        }()
        do {
            let result = try await pool.run { try body { sender.yield($0) } }
            sender.finish()
            await forwarding
            return result
        } catch {
            sender.finish()
            await forwarding
            throw error
        }
    }

    struct Progress: Sendable {
        var percent: Double
        var phase: String
        var message: String?
    }
}
