import GoalGraphs
import Identity
import Modules

/// Plans workflows that were submitted, by the first planner that understands the intent, and checks what it has
/// planned.
final class PlanningService: Sendable {
    private let database: any Database
    private let runner: WorkflowRunner
    private let rules: RuleWorkflowPlanner
    private let planners: [any WorkflowPlanner]
    private let files: WorkflowFileService
    private let tools: ToolCatalog

    /// - Parameter model: asked where the rules do not understand an intent; nil without a language model.
    init(
        database: any Database, runner: WorkflowRunner, rules: RuleWorkflowPlanner, model: (any WorkflowPlanner)?,
        files: WorkflowFileService, tools: ToolCatalog
    ) {
        self.database = database
        self.runner = runner
        self.rules = rules
        planners = if let model { [rules, model] } else { [rules] }
        self.files = files
        self.tools = tools
    }

    /// Reads a client's own graph. Capabilities and estimates that it leaves out are those of the tools.
    /// - Parameter pointer: of `value` in the body.
    /// - Throws: `validation-failed`.
    func graph(from value: JSONValue, at pointer: String, limits: GoalGraphLimits) throws(Problem) -> GoalGraph {
        let graph: GoalGraph
        do throws(GoalGraphAnswerFault) { graph = try GoalGraphSchema(tools: tools).graph(from: value) } catch {
            throw Problem.invalid(
                error.faults.prefix(GoalGraphValidator.faultsMax).map {
                    Problem.Fault(pointer + $0.pointer, $0.detail)
                })
        }
        let faults = faults(in: graph, limits: limits)
        guard faults.isEmpty else { throw Problem.invalid(faults.map { Problem.Fault(pointer, $0) }) }
        return graph
    }

    /// The faults of a graph, as sentences.
    private func faults(in graph: GoalGraph, limits: GoalGraphLimits) -> [String] {
        var faults = GoalGraphValidator(tools: tools, limits: limits).faults(in: graph).map(\.description)
        if let trigger = graph.trigger {
            do throws(CronFault) { _ = try CronExpression(trigger.cron, timeZone: trigger.timeZone) } catch {
                faults.append("\(error).")
            }
        }
        return faults
    }

    /// What an intent is expected to cost, before it is planned.
    /// - Parameter graph: the client's own, as JSON.
    func estimate(_ request: PlanRequest, graph: String?) -> PlanEstimate {
        let graph: GoalGraph? = if let graph { try? JSONColumn.decode(graph) } else { try? rules.graph(of: request) }
        return graph.map { PlanEstimate(of: $0) } ?? .unknown
    }

    func plan(_ job: PlanWorkflowJob) async throws -> JobOutcome {
        let read = try await database.read { transaction -> (Workflow, context: String, graph: String?)? in
            guard let workflow = try transaction.workflow(job.workflow, of: job.organisation),
                workflow.state == .pending
            else { return nil }
            return (workflow, try transaction.context(of: workflow) ?? "{}", try transaction.graph(of: workflow))
        }
        guard let (workflow, context, given) = read else { return .done }
        do {
            let request = PlanRequest(intent: workflow.intent, context: context, budget: workflow.budget)
            let (planned, planner) = try await self.graph(of: request, given: given)
            let faults = faults(in: planned, limits: request.limits)
            guard faults.isEmpty else { throw PlanningFailure.refused(faults.joined(separator: " ")) }
            let graph = try planned.scheduled(as: workflow.intent)
            let effects = try await writeFiles(of: request.context, workflow)
            return .done { [runner] transaction in
                for effect in effects { try effect(transaction) }
                try runner.start(workflow.id, of: workflow.organisation, graph, by: planner, in: transaction)
            }
        } catch let failure as PlanningFailure {
            return end(workflow, WorkflowError(failure))
        } catch let failure as StepFailure {
            return end(workflow, WorkflowError(.planRefused, failure.text))
        }
    }

    func abandon(_ job: PlanWorkflowJob, in transaction: Transaction) throws {
        try runner.fail(
            job.workflow, of: job.organisation,
            WorkflowError(.planningFailed, "The server could not plan the workflow. Submit it again later."),
            in: transaction)
    }

    private func end(_ workflow: Workflow, _ error: WorkflowError) -> JobOutcome {
        .done { [runner] in try runner.fail(workflow.id, of: workflow.organisation, error, in: $0) }
    }

    private func graph(of request: PlanRequest, given: String?) async throws -> (GoalGraph, PlannerKind) {
        if let given { return (try JSONColumn.decode(given), .client) }
        var failure = PlanningFailure.notUnderstood("No planner is configured.")
        for planner in planners {
            do { return (try await planner.plan(request), planner.kind) } catch PlanningFailure.notUnderstood(let text)
            {
                failure = .notUnderstood(text)
            }
        }
        throw failure
    }

    /// The files of a context: its member `files`, texts by path.
    private func writeFiles(of context: [String: JSONValue], _ workflow: Workflow) async throws
        -> [@Sendable (Transaction) throws -> Void]
    {
        var effects: [@Sendable (Transaction) throws -> Void] = []
        for (name, value) in (context["files"]?.object ?? [:]).sorted(by: { $0.key < $1.key }) {
            guard let text = value.string else { continue }
            effects.append(try await files.write(text, to: try WorkflowPath(name), of: workflow))
        }
        return effects
    }
}

extension GoalGraph {
    /// A graph with a trigger as one step, which makes a schedule of the graph.
    fileprivate func scheduled(as intent: String) throws -> GoalGraph {
        guard let trigger else { return self }
        let repeated = try JSONColumn.encode(GoalGraph(nodes: nodes))
        let tool = Tool.schedule
        return GoalGraph(nodes: [
            GoalNode(
                id: "schedule", description: "Repeat the plan at its times", capabilities: [tool.capability],
                tool: tool.name,
                arguments: [
                    "intent": .string(intent), "cron": .string(trigger.cron), "time_zone": .string(trigger.timeZone),
                    ScheduleExecutor.graphArgument: .string(repeated),
                ], estimatedCost: tool.usualCost, estimatedSeconds: tool.usualSeconds)
        ])
    }
}

extension WorkflowError {
    fileprivate init(_ failure: PlanningFailure) {
        switch failure {
        case .notUnderstood(let text): self.init(.intentNotUnderstood, text)
        case .refused(let text): self.init(.planRefused, text)
        case .unavailable(let text): self.init(.planningFailed, text)
        }
    }
}
