import Identity
import Modules

/// Takes the next step of a move.
struct MoveJob: Job {
    static let name = "sandbox.move"
    static let lane = JobLane.outbound

    let move: ID<Move>
    let organisation: ID<Organisation>

    static func worker(_ moves: MoveService) -> Worker {
        Worker(
            MoveJob.self, perform: { job, context in try await moves.step(job, context) },
            abandoned: { job, abandonment, transaction in
                try moves.abandon(job, abandonment, in: transaction)
            })
    }
}
