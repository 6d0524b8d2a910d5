import Identity
import Modules

/// Starts the steps of an organisation whose time has come, such as that of a retry.
struct StartStepsJob: Job {
    static let name = "workflows.start-steps"

    let organisation: ID<Organisation>

    static func worker(_ runner: WorkflowRunner) -> Worker {
        Worker(StartStepsJob.self) { job, _ in
            .done { try runner.startSteps(of: job.organisation, in: $0) }
        }
    }
}
