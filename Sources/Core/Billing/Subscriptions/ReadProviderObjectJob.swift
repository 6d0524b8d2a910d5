import Identity
import Modules

/// Reads an object of the provider whose events may be missing.
struct ReadProviderObjectJob: Job {
    static let name = "billing.read-object"
    static let lane = JobLane.outbound

    let object: String
    let kind: String
    let folder: String

    static func worker(_ events: ProviderEventService) -> Worker {
        Worker(Self.self) { job, _ in
            do throws(Problem) {
                try await events.refresh(job.object, ProviderObjectKind(job.kind, in: job.folder))
            } catch where error.kind == .notFound || error.kind == .notConfigured {}
            return .done
        }
    }

    static func options(_ object: String, of organisation: ID<Organisation>) -> JobOptions {
        JobOptions(uniqueKey: object, organisation: organisation.text)
    }
}
