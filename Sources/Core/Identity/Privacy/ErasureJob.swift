import Modules

/// Erases one person. The payload holds the id of the erasure instead of the person's id, so that no personal data
/// remains in the queue.
struct ErasureJob: Job {
    static let name = "privacy.erase-person"
    let erasure: ID<Erasure>

    static func worker(_ erasures: ErasureExecutionService) -> Worker {
        Worker(Self.self) { job, _ in
            switch try await erasures.advance(job.erasure) {
            case .done: .done
            case .wait(let duration): .snooze(for: duration)
            }
        }
    }
}
