import GoalGraphs
import Identity
import Modules
import Rates
import Secrets

/// Runs steps: reads what a step needs, runs its tool, checks the output, and hands the result to the runner.
final class StepService: Sendable {
    private let database: any Database
    private let runner: WorkflowRunner
    private let tools: ToolBox
    private let limiter: RateLimiter
    private let compute: BlockingPool

    /// Calls of tools by the workflows of an organisation.
    private static let calls = RatePolicy("tool-calls", Rates(.perMinute(50)))
    /// Before a call that was beyond the rate is tried again, at least.
    private static let waitMin = Duration.seconds(1)
    /// The longest output of a step, in bytes of UTF-8.
    static let outputBytesMax = 1 << 20

    init(database: any Database, runner: WorkflowRunner, tools: ToolBox, limiter: RateLimiter, compute: BlockingPool) {
        self.database = database
        self.runner = runner
        self.tools = tools
        self.limiter = limiter
        self.compute = compute
    }

    func run(_ job: StepJob, _ context: JobContext) async throws -> JobOutcome {
        let (found, outputs) = try await database.read { transaction in try Self.read(job, in: transaction) }
        // The workflow has ended, or another attempt has begun.
        guard let (workflow, step) = found else { return .done }
        guard let tool = tools[step.node.tool], let arguments = step.node.arguments(with: outputs) else {
            throw JobFailure.permanent("The tool '\(step.node.tool)' of the step is not available any more.")
        }
        // The step waits with its agent. It has not failed, and the attempt goes on.
        if let wait = await limiter.takeOrWait(of: Self.calls, from: job.organisation.text) {
            return .snooze(for: max(wait, Self.waitMin))
        }
        let run = StepRun(workflow: workflow, step: step, tool: tool.tool, arguments: arguments)
        let started = ContinuousClock.now
        let result: Result<ToolResult, StepFailure>
        do {
            result = try await checked(try await tool.run(run), of: step.node)
        } catch let failure as StepFailure {
            result = .failure(failure)
        } catch let exceeded as ModelCallsExceeded {
            // The step stays as it is: neither an attempt nor a failure.
            return .snooze(for: exceeded.wait)
        }
        try context.checkCancellation()
        let measure = WorkflowRunner.Measure(
            cost: result.models?.cost ?? tool.tool.usualCost,
            milliseconds: (ContinuousClock.now - started).microseconds / 1_000,
            arguments: Digest.hex(try JSONColumn.encode(arguments)), models: result.models)
        return .done { [runner] in try runner.finish(run, result, measure, in: $0) }
    }

    func abandon(_ job: StepJob, _ abandonment: JobAbandonment, in transaction: Transaction) throws {
        try runner.abandon(job, abandonment, in: transaction)
    }

    private static func read(_ job: StepJob, in transaction: Transaction) throws -> (
        (Workflow, WorkflowStep)?, outputs: [String: NodeOutput]
    ) {
        guard let step = try transaction.step(job.step, of: job.organisation), step.state == .running,
            step.attempt == job.attempt,
            let workflow = try transaction.workflow(step.workflow, of: job.organisation), !workflow.state.isFinished
        else { return (nil, [:]) }
        let outputs = try transaction.outputs(of: step.node.references, in: workflow.id, of: job.organisation)
        return ((workflow, step), outputs)
    }

    /// Outputs are long, and come from anywhere: no thread that others need reads one.
    private func checked(_ result: ToolResult, of node: GoalNode) async throws -> Result<ToolResult, StepFailure> {
        if node.successCriteria.isEmpty { return Self.checked(result, of: node) }
        return try await compute.run { Self.checked(result, of: node) }
    }

    /// The result with an output that can be stored; a failure in place of one that is too long or does not meet a
    /// criterion.
    private static func checked(_ result: ToolResult, of node: GoalNode) -> Result<ToolResult, StepFailure> {
        do throws(StepFailure) {
            switch result {
            case .output(let output, let effect):
                return .success(.output(try checked(output, of: node), effect: effect))
            case .effected(let output): return .success(.effected(try checked(output, of: node)))
            case .answer(let output, let models):
                return .success(.answer(try checked(output, of: node), models))
            case .workflow: return .success(result)
            }
        } catch {
            var failure = if case .effected = result { StepFailure.afterEffect(error.kind, error.text) } else { error }
            failure.models = Result<ToolResult, StepFailure>.success(result).models
            return .failure(failure)
        }
    }

    /// The text of an output as a database stores it: without U+0000, and not too long.
    static func storable(_ text: String) throws(StepFailure) -> String {
        let text = text.replacingNUL
        guard text.utf8.count <= outputBytesMax else {
            throw StepFailure(.resourceExhaustion, "The output has more than \(outputBytesMax) bytes.")
        }
        return text
    }

    private static func checked(_ output: NodeOutput, of node: GoalNode) throws(StepFailure) -> NodeOutput {
        var output = output
        output.text = try storable(output.text)
        if let unmet = node.successCriteria.first(where: { !$0.isMet(by: output) }) {
            throw StepFailure(.toolError, "The step does not meet its criterion: \(unmet).")
        }
        return output
    }
}
