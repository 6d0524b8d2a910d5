import Files
import Identity
import Modules

/// A job that does the work of a run.
protocol RunJob: Job {
    var run: ID<Run> { get }
    var organisation: ID<Organisation> { get }
}

extension RunSettlementService {
    /// A worker whose abandoned jobs end their runs without a result.
    func worker<Work: RunJob>(
        perform: @escaping @Sendable (Work, JobContext) async throws -> JobOutcome
    ) -> Worker {
        Worker(
            Work.self,
            perform: { job, context in
                do { return try await perform(job, context) } catch { throw Problem.ofDisk(error) }
            },
            abandoned: { [self] job, abandonment, transaction in
                try abandon(job.run, of: job.organisation, abandonment, in: transaction)
            }
        )
    }
}
