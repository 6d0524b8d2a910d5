import Files
import Identity
import Modules

/// Removes datasets that later ones have replaced, and releases their storage.
struct ReplacedDatasetsJob: Job {
    static let name = "training.remove-replaced-datasets"
    /// Requests that have found the folder before it was replaced may still read it.
    private static let delay: Duration = .minutes(1)

    /// The run that generated the replaced datasets.
    let run: ID<Run>
    let session: ID<TrainingSession>
    let organisation: ID<Organisation>

    /// - Parameter successor: the run whose datasets replace them.
    static func options(_ successor: Run, at now: Instant) -> JobOptions {
        JobOptions(runAt: now + delay, organisation: successor.organisation.text)
    }

    static func worker(_ settlement: RunSettlementService, _ filePaths: TrainingFilePaths) -> Worker {
        Worker(ReplacedDatasetsJob.self) { job, _ in
            // The files first: until the storage is released, their removal is repeated.
            try await filePaths.store.remove(filePaths.run(job.run, of: job.session))
            return .done { try settlement.releaseStorage(ofRuns: [job.run], of: job.organisation, in: $0) }
        }
    }
}
