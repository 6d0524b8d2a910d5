import Audit
import Entitlements
import Identity
import Modules

/// Runs schedules, lists and ends them.
final class WorkflowScheduleService: Sendable {
    private let database: any Database
    private let runner: WorkflowRunner
    private let intents: IntentService
    private let audit: AuditService

    /// Schedules of one read.
    private static let batch = 100

    init(database: any Database, runner: WorkflowRunner, intents: IntentService, audit: AuditService) {
        self.database = database
        self.runner = runner
        self.intents = intents
        self.audit = audit
    }

    func list(scope: Scope) async throws(Problem) -> WorkflowScheduleList {
        WorkflowScheduleList(
            schedules: try await database.read { try $0.schedules(in: scope) }.map { WorkflowScheduleView($0) })
    }

    /// - Throws: `not-found`.
    func end(_ id: ID<WorkflowSchedule>, scope: Scope) async throws(Problem) -> NoContent {
        try await database.write { [audit] transaction in
            guard try transaction.endSchedule(id, in: scope) else { throw Problem(.notFound) }
            try audit.record(
                AuditEvent("workflow-schedule.ended", by: scope, subject: id.text), in: transaction)
        }
        return NoContent()
    }

    /// Submits what is due. A time that was missed, such as while the server was stopped, is made up for once. A
    /// schedule that fails is passed over until the next run.
    func run(_ context: JobContext) async throws {
        try await pullBack(context)
        var last: WorkflowSchedule?
        while true {
            let after = last
            let due = try await database.read { try $0.dueSchedules(after: after, limit: Self.batch) }
            try await context.each(due, name: \.id.text) { try await tick($0) }
            guard due.count == Self.batch, let end = due.last else { return }
            last = end
        }
    }

    /// After the clock was set back, schedules would be silent until the time that it had shown. A tick that was taken
    /// before is repeated without effect: the key of its submission is its time.
    private func pullBack(_ context: JobContext) async throws {
        var last: WorkflowSchedule?
        while true {
            let after = last
            let ahead = try await database.read { try $0.schedulesSetAhead(after: after, limit: Self.batch) }
            try await context.each(ahead, name: \.id.text) { schedule in
                let expression = try CronExpression(schedule.cron, timeZone: schedule.timeZone)
                try await database.write { transaction in
                    _ = try transaction.advance(schedule, to: expression.next(after: transaction.now))
                }
            }
            guard ahead.count == Self.batch, let end = ahead.last else { return }
            last = end
        }
    }

    private func tick(_ schedule: WorkflowSchedule) async throws {
        let expression = try CronExpression(schedule.cron, timeZone: schedule.timeZone)
        let submission = intents.submission(of: schedule)
        do throws(Problem) {
            try await database.write { [runner, intents] transaction in
                try runner.lock(schedule.organisation, in: transaction)
                guard try transaction.advance(schedule, to: expression.next(after: transaction.now)) else { return }
                _ = try intents.submit(submission, of: schedule, tick: schedule.nextAt, in: transaction)
                try transaction.setOutcome(nil, of: schedule)
            }
        } catch {
            // A failure of the server is no refusal: the next run tries the same tick.
            guard error.kind.status < 500 else { throw error }
            // Nothing of the tick is written; it is recorded as refused instead.
            try await database.write { [audit] transaction in
                guard try transaction.advance(schedule, to: expression.next(after: transaction.now)) else { return }
                try transaction.setOutcome(error.kind.code, of: schedule)
                try audit.record(
                    AuditEvent(
                        "workflow-schedule.refused", outcome: .refused, organisation: schedule.organisation.text,
                        subject: schedule.id.text, details: ["code": error.kind.code]),
                    in: transaction)
            }
        }
    }
}
