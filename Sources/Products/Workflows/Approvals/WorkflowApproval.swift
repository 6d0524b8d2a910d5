import Identity
import Modules

/// A question about a step that is not run without the consent of a person.
///
/// | state | event | next |
/// |---|---|---|
/// | – | the step can run | pending |
/// | pending | consent | approved; the step runs |
/// | pending | refusal | denied; the workflow fails |
/// | pending | the workflow ends | ended |
struct WorkflowApproval: Sendable {
    enum State: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        case pending, approved, denied, ended
    }

    let id: ID<WorkflowApproval>
    let organisation: ID<Organisation>
    let workflow: ID<Workflow>
    let step: ID<WorkflowStep>
    let node: String
    let question: String
    let state: State
    let askedAt: Instant
    let answeredAt: Instant?
    /// Nil for an answer by the link of the e-mail.
    let answeredBy: ID<Person>?

    init(row: Row) throws {
        id = try row["id"]
        organisation = try row["organisation_id"]
        workflow = try row["workflow_id"]
        step = try row["step_id"]
        node = try row["node_id"]
        question = try row["question"]
        state = try row["state"]
        askedAt = try row["asked_at"]
        answeredAt = try row["answered_at"]
        answeredBy = try row["answered_by"]
    }
}
