import Identity
import Modules

/// Recurring times at which an intent, or a graph that was planned of it, is submitted as a workflow.
///
/// | state | event | next |
/// |---|---|---|
/// | – | the step of a workflow | active |
/// | active | its time | active; the workflow of this tick is submitted once |
/// | active | the submission is refused for the third time in a row | ended |
/// | active | a person deletes it, or its person leaves | ended |
struct WorkflowSchedule: Sendable {
    let id: ID<WorkflowSchedule>
    let organisation: ID<Organisation>
    let person: ID<Person>
    let intent: String
    /// As JSON; nil where the intent is planned at each run.
    let graph: String?
    let cron: String
    let timeZone: String
    let nextAt: Instant
    /// When the next time was computed.
    let nextSetAt: Instant
    let isActive: Bool
    /// Submissions that were refused, in a row.
    let refusals: Int64
    /// The code of the last refusal.
    let refusal: String?
    let createdAt: Instant

    /// Active ones of an organisation.
    static let countMax: Int64 = 100
    static let refusalsMax: Int64 = 3
    /// Clocks of nodes differ by less.
    static let setBackMin = Duration.minutes(1)

    init(row: Row) throws {
        id = try row["id"]
        organisation = try row["organisation_id"]
        person = try row["person_id"]
        intent = try row["intent"]
        graph = try row["graph"]
        cron = try row["cron"]
        timeZone = try row["time_zone"]
        nextAt = try row["next_at"]
        nextSetAt = try row["next_set_at"]
        isActive = try row["is_active"]
        refusals = try row["refusals"]
        refusal = try row["refusal"]
        createdAt = try row["created_at"]
    }
}

/// A schedule to insert.
struct NewWorkflowSchedule: Sendable {
    let id: ID<WorkflowSchedule>
    let organisation: ID<Organisation>
    let person: ID<Person>
    let step: ID<WorkflowStep>
    let intent: String
    let graph: String?
    let expression: CronExpression
    let nextAt: Instant
}
