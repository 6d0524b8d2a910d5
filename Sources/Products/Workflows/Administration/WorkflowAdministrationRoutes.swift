import Identity
import Modules

/// The endpoints of administrators about workflows.
struct WorkflowAdministrationRoutes: Sendable {
    let workflows: WorkflowAdministrationService
    let costs: WorkflowCostService
    let administrator: RoleRequirement

    var routes: [Route] {
        [
            .get(
                "admin/workflows", "List submitted workflows of all organisations, the newest first",
                requires: administrator, .query("status", oneOf: Workflow.State.allCases.map(\.rawValue)),
                QueryID<Person>(name: "user_id"), QueryID<Workflow>(name: "before"),
                .query("limit", 1...200, default: 50)
            ) { [workflows] _, status, person, before, limit in
                try await workflows.list(
                    status.flatMap(Workflow.State.init), of: person, before: before, limit: limit)
            },
            .get(
                "admin/workflows/costs", "Get what workflows have cost, by day, user and plan",
                requires: administrator, .query("days", 1...WorkflowCostQuery.daysMax, default: 30),
                QueryID<Person>(name: "user_id"), QueryID<Organisation>(name: "organisation_id")
            ) { [costs] _, days, person, organisation in
                try await costs.costs(days: days, of: person, in: organisation)
            },
        ]
    }
}
