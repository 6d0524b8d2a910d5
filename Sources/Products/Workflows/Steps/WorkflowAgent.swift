import Entitlements
import GoalGraphs
import Identity
import Modules

/// What runs one step: made for it by the capabilities that it needs, and retired with it. The plan limits how many
/// work at once; further steps wait in line.
struct WorkflowAgent: Sendable {
    enum State: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        case working
        /// For the end of a workflow within its own; it does not count towards the limit.
        case waiting
        case failed, retired
    }

    let id: ID<WorkflowAgent>
    let workflow: ID<Workflow>
    /// The id of the node of its step.
    let node: String
    let capabilities: [String]
    let state: State
    let spawnedAt: Instant
    let endedAt: Instant?

    init(row: Row) throws {
        id = try row["id"]
        workflow = try row["workflow_id"]
        node = try row["node_id"]
        capabilities = try (row["capabilities"] as String).split(separator: " ").map(String.init)
        state = try row["state"]
        spawnedAt = try row["spawned_at"]
        endedAt = try row["ended_at"]
    }
}

extension Concurrency {
    /// Agents that work.
    static let agents = Concurrency("agents", of: "agents") {
        "FROM workflow_agents WHERE organisation_id = \($0) AND state = 'working'"
    }
}
