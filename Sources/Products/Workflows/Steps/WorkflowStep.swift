import GoalGraphs
import Identity
import Modules

/// A node of the graph of a workflow, and what has become of it.
///
/// | state | event | next |
/// |---|---|---|
/// | – | the plan | ready without dependencies, else pending |
/// | pending | the last dependency succeeds | ready |
/// | ready | a free agent, and the time of a retry has come | running; awaiting approval where it needs consent |
/// | awaiting approval | consent | ready |
/// | running | its tool waits for another workflow | waiting |
/// | running, waiting | success | succeeded |
/// | running, waiting | a failure that a retry may help | ready |
/// | running, waiting | another failure | failed |
/// | failed | the workflow is resumed | ready |
/// | every unfinished one | the workflow is cancelled or has failed | cancelled |
struct WorkflowStep: Sendable {
    enum State: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        case pending, ready, running, waiting, succeeded, failed, cancelled
        case awaitingApproval = "awaiting_approval"
    }

    let id: ID<WorkflowStep>
    let organisation: ID<Organisation>
    let workflow: ID<Workflow>
    let node: GoalNode
    let state: State
    /// 1 the first time.
    let attempt: Int64
    /// The attempts before the workflow was resumed after the step had failed.
    let attemptsBefore: Int64
    let runAt: Instant
    let job: ID<QueuedJob>?
    let agent: ID<WorkflowAgent>?
    /// The language model of the output; before there is one, the model that a recovery has chosen.
    let model: String?
    let confidence: Double?
    let cost: MicroDollars
    /// Of the attempt that runs: the part of the budget that is reserved for it.
    let reservedCost: MicroDollars
    let milliseconds: Int64
    let failure: StepFailure.Kind?
    let error: String?
    let startedAt: Instant?
    let finishedAt: Instant?

    static let errorMax = 500

    /// The attempts since the plan, or since the last resumption.
    var tries: Int64 { attempt - attemptsBefore }

    init(row: Row) throws {
        id = try row["id"]
        organisation = try row["organisation_id"]
        workflow = try row["workflow_id"]
        node = try JSONColumn.decode(row["node"])
        state = try row["state"]
        attempt = try row["attempt"]
        attemptsBefore = try row["attempts_before"]
        runAt = try row["run_at"]
        job = try row["job_id"]
        agent = try row["agent_id"]
        model = try row["model"]
        confidence = try row["confidence"]
        cost = MicroDollars(try row["cost"])
        reservedCost = MicroDollars(try row["reserved_cost"])
        milliseconds = try row["milliseconds"]
        failure = try row["failure"]
        error = try row["error"]
        startedAt = try row["started_at"]
        finishedAt = try row["finished_at"]
    }
}
