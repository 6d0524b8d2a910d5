import GoalGraphs
import Modules

/// Has a sentence, or a graph that was planned, run at recurring times. The schedule exists with the end of the step.
final class ScheduleExecutor: ToolExecutor {
    let tool = Tool.schedule
    private let runtime: Runtime

    /// The argument that holds a planned graph as JSON, in place of a sentence that is planned at each run.
    static let graphArgument = "graph"

    init(runtime: Runtime) { self.runtime = runtime }

    func run(_ run: StepRun) async throws -> ToolResult {
        let (intent, zone) = (try run.writtenText("intent"), try run.requiredText("time_zone"))
        let expression: CronExpression
        do throws(CronFault) {
            expression = try CronExpression(run.cron, timeZone: zone)
        } catch {
            throw StepFailure(.toolError, "\(error).")
        }
        let new = NewWorkflowSchedule(
            id: runtime.id(), organisation: run.organisation, person: run.workflow.person, step: run.step.id,
            intent: intent, graph: run.text(Self.graphArgument), expression: expression,
            nextAt: expression.next(after: runtime.now()))
        return .output(NodeOutput(text: "Runs at \(new.nextAt) next")) { transaction in
            guard try transaction.countActiveSchedules(of: run.organisation) < WorkflowSchedule.countMax else {
                throw StepFailure(
                    .resourceExhaustion,
                    "An organisation has at most \(WorkflowSchedule.countMax) schedules. Delete one of them.")
            }
            try transaction.insert(new)
        }
    }
}

extension StepRun {
    /// The expression, empty where it is missing: an empty one is a fault of its own.
    fileprivate var cron: String { text("cron") ?? "" }
}
