import Identity
import Modules

/// The SQL of schedules.
extension Transaction {
    /// A step inserts one.
    func insert(_ schedule: NewWorkflowSchedule) throws {
        try execute(
            """
            INSERT INTO workflow_schedules (id, organisation_id, person_id, step_id, intent, graph, cron, time_zone,
                next_at, next_set_at, is_active, refusals, created_at)
            VALUES (\(schedule.id), \(schedule.organisation), \(schedule.person), \(schedule.step),
                \(schedule.intent), \(schedule.graph), \(schedule.expression.text), \(schedule.expression.timeZone),
                \(schedule.nextAt), \(now), 1, 0, \(now))
            ON CONFLICT (step_id) DO NOTHING
            """
        )
    }

    func countActiveSchedules(of organisation: ID<Organisation>) throws -> Int64 {
        try count(
            """
            SELECT COUNT(*) AS count FROM workflow_schedules
            WHERE organisation_id = \(organisation) AND is_active = 1
            """)
    }

    /// The active schedules that the scope may see, the next one first.
    func schedules(in scope: Scope) throws -> [WorkflowSchedule] {
        let own: SQL = try manages(scope) ? "1 = 1" : "person_id = \(scope.person)"
        return try all(
            """
            SELECT * FROM workflow_schedules
            WHERE organisation_id = \(scope.organisation) AND is_active = 1 AND \(own)
            ORDER BY next_at, id LIMIT \(WorkflowSchedule.countMax)
            """,
            WorkflowSchedule.init)
    }

    /// - Returns: false where there is no such active schedule that the scope may end.
    func endSchedule(_ id: ID<WorkflowSchedule>, in scope: Scope) throws -> Bool {
        let own: SQL = try manages(scope) ? "1 = 1" : "person_id = \(scope.person)"
        return try execute(
            """
            UPDATE workflow_schedules SET is_active = 0
            WHERE id = \(id) AND organisation_id = \(scope.organisation) AND is_active = 1 AND \(own)
            """
        ) == 1
    }

    /// - Parameter organisation: nil for those in every one.
    func endSchedules(of person: ID<Person>, in organisation: ID<Organisation>?) throws {
        let place: SQL = if let organisation { "AND organisation_id = \(organisation)" } else { "" }
        try execute("UPDATE workflow_schedules SET is_active = 0 WHERE person_id = \(person) \(place)")
    }

    /// Active schedules whose time has come, in the order of their times.
    /// - Parameter last: the one that they follow; nil for the first ones.
    func dueSchedules(after last: WorkflowSchedule?, limit: Int) throws -> [WorkflowSchedule] {
        let rest: SQL = if let last { "AND (next_at, id) > (\(last.nextAt), \(last.id))" } else { "" }
        return try all(
            """
            SELECT * FROM workflow_schedules WHERE is_active = 1 AND next_at <= \(now) \(rest)
            ORDER BY next_at, id LIMIT \(limit)
            """,
            WorkflowSchedule.init)
    }

    /// Active schedules whose next time was computed by a clock that was set back since, in the order of that.
    /// - Parameter last: the one that they follow; nil for the first ones.
    func schedulesSetAhead(after last: WorkflowSchedule?, limit: Int) throws -> [WorkflowSchedule] {
        let rest: SQL = if let last { "AND (next_set_at, id) > (\(last.nextSetAt), \(last.id))" } else { "" }
        return try all(
            """
            SELECT * FROM workflow_schedules
            WHERE is_active = 1 AND next_set_at > \(now + WorkflowSchedule.setBackMin) \(rest)
            ORDER BY next_set_at, id LIMIT \(limit)
            """,
            WorkflowSchedule.init)
    }

    /// Takes a tick, or computes the next time anew.
    /// - Returns: false where another transaction has taken it.
    func advance(_ schedule: WorkflowSchedule, to next: Instant) throws -> Bool {
        try execute(
            """
            UPDATE workflow_schedules SET next_at = \(next), next_set_at = \(now)
            WHERE id = \(schedule.id) AND organisation_id = \(schedule.organisation) AND is_active = 1
                AND next_at = \(schedule.nextAt)
            """
        ) == 1
    }

    /// - Parameter refusal: nil where the submission was accepted.
    func setOutcome(_ refusal: String?, of schedule: WorkflowSchedule) throws {
        let refusals = refusal == nil ? 0 : schedule.refusals + 1
        try execute(
            """
            UPDATE workflow_schedules SET refusals = \(refusals), refusal = \(refusal),
                is_active = \(refusals < WorkflowSchedule.refusalsMax)
            WHERE id = \(schedule.id) AND organisation_id = \(schedule.organisation)
            """
        )
    }
}
