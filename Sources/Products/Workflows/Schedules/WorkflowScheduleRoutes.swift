import Identity
import Modules

/// The endpoints of schedules. Steps of workflows make them.
struct WorkflowScheduleRoutes: Sendable {
    let schedules: WorkflowScheduleService
    let member: Member

    var routes: [Route] {
        [
            .get(
                "workflow-schedules", "List the active schedules of workflows, the next one first",
                requires: member.allowing(.workflows)
            ) { [schedules] in try await schedules.list(scope: $0) },
            .delete(
                "workflow-schedules/{schedule_id}", "End a schedule", requires: member.allowing(.workflows),
                .path("schedule_id", of: WorkflowSchedule.self)
            ) { [schedules] in try await schedules.end($1, scope: $0) },
        ]
    }
}
