import Identity
import Modules

/// Summarises the messages of a session that the model does not get any more.
struct SummariseSessionJob: Job {
    static let name = "assistant.summarise"
    static let lane = JobLane.outbound
    static let attemptsMax = 3

    let session: ID<AssistantSession>
    let organisation: ID<Organisation>
    /// The position of the last of these messages.
    let through: Int64

    static func worker(_ summaries: SessionSummaryService) -> Worker {
        Worker(SummariseSessionJob.self) { job, context in
            try await summaries.summarise(job, context)
            return .done
        }
    }
}
