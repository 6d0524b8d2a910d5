import Identity
import Modules

/// Deletes the unfinished uploads that were begun under an impersonation when that ends, however it ends.
struct ImpersonatedUploadsJob: Job {
    static let name = "training.end-impersonated-uploads"
    let organisation: ID<Organisation>
    /// The session of the impersonation.
    let session: ID<Session>

    static func worker(_ uploads: UploadService) -> Worker {
        Worker(Self.self) { job, _ in
            try await uploads.endUploads(begunUnder: job.session, of: job.organisation)
                ? .done : .snooze(for: ImpersonatedRunJob.interval)
        }
    }
}
