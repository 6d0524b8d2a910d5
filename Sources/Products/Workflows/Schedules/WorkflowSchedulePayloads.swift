import Modules

struct WorkflowScheduleView: Payload {
    let scheduleId: ID<WorkflowSchedule>
    let intent: String
    /// Five fields: minute, hour, day of the month, month, day of the week.
    let cron: String
    let timeZone: String
    let nextAt: Instant
    /// Submissions that were refused, in a row; the third one ends the schedule.
    let refusals: Int64
    let refusalCode: String?
    let createdAt: Instant

    init(_ schedule: WorkflowSchedule) {
        scheduleId = schedule.id
        intent = schedule.intent
        cron = schedule.cron
        timeZone = schedule.timeZone
        nextAt = schedule.nextAt
        refusals = schedule.refusals
        refusalCode = schedule.refusal
        createdAt = schedule.createdAt
    }
}

/// The active schedules, the next one first.
struct WorkflowScheduleList: Payload {
    let schedules: [WorkflowScheduleView]
}
