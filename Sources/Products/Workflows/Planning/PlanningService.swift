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
    private let check: GraphCheck

    /// Before a plan that the budget does not allow yet is tried again.
    private static let budgetWait = Duration.seconds(5)

    /// - Parameter models: plan where the rules do not understand an intent; nil without a language model.
    init(
        database: any Database, runner: WorkflowRunner, rules: RuleWorkflowPlanner, models: ModelService?,
        files: WorkflowFileService, tools: ToolCatalog
    ) {
        self.database = database
        self.runner = runner
        self.rules = rules
        planners = if let models { [rules, ModelWorkflowPlanner(models: models, tools: tools)] } else { [rules] }
        self.files = files
        check = GraphCheck(tools: tools)
    }

    /// Reads a client's own graph. Capabilities and estimates that it leaves out are those of the tools.
    /// - Parameter pointer: of `value` in the body.
    /// - Throws: `validation-failed`.
    func graph(from value: JSONValue, at pointer: String, limits: GoalGraphLimits) throws(Problem) -> GoalGraph {
        let graph: GoalGraph
        do throws(GoalGraphAnswerFault) { graph = try GoalGraphSchema(tools: check.tools).graph(from: value) } catch {
            throw Problem.invalid(
                error.faults.prefix(GoalGraphValidator.faultsMax).map {
                    Problem.Fault(pointer + $0.pointer, $0.detail)
                })
        }
        let faults = check.faults(in: graph, limits: limits)
        guard faults.isEmpty else { throw Problem.invalid(faults.map { Problem.Fault(pointer, $0) }) }
        return graph
    }

    /// What an intent is expected to cost, before it is planned.
    /// - Parameter graph: the client's own, as JSON.
    func estimate(_ request: PlanRequest, graph: String?) -> PlanEstimate {
        let graph: GoalGraph? = if let graph { try? JSONColumn.decode(graph) } else { try? rules.graph(of: request) }
        return graph.map { PlanEstimate(of: $0) } ?? .unknown
    }

    func plan(_ job: PlanWorkflowJob, _ context: JobContext) async throws -> JobOutcome {
        let read = try await database.read { transaction -> (Workflow, context: String, graph: String?)? in
            guard let workflow = try transaction.workflow(job.workflow, of: job.organisation),
                workflow.state == .pending
            else { return nil }
            return (workflow, try transaction.context(of: workflow) ?? "{}", try transaction.graph(of: workflow))
        }
        guard let (workflow, contextText, given) = read else { return .done }
        do {
            let request = PlanRequest(intent: workflow.intent, context: contextText, budget: workflow.budget)
            let (plan, planner) = try await self.plan(of: request, given: given, for: workflow)
            let trust = planner == .client ? workflow.trust : .standard
            let faults = check.faults(in: plan.graph, limits: request.limits.trusting(trust))
            guard faults.isEmpty else {
                throw PlanningFailure(.refused, faults.joined(separator: " "), models: plan.models)
            }
            let graph = try plan.graph.scheduled(as: workflow.intent)
            let writeFiles = try await writeFiles(of: request.context, workflow)
            return .done { [runner] transaction in
                try runner.lock(workflow.organisation, in: transaction)
                do {
                    try writeFiles(transaction)
                } catch let failure as StepFailure {
                    // There is no space for the files; nothing was written.
                    return try runner.fail(
                        workflow.id, of: workflow.organisation, WorkflowError(.planRefused, failure.text),
                        models: plan.models, in: transaction)
                }
                try runner.start(
                    workflow.id, of: workflow.organisation, graph, by: planner, models: plan.models, in: transaction)
            }
        } catch let failure as PlanningFailure {
            return try await outcome(of: failure, workflow, attempt: context.attempt)
        } catch let failure as StepFailure {
            return end(workflow, WorkflowError(.planRefused, failure.text), nil)
        } catch let exceeded as ModelCallsExceeded {
            return .snooze(for: exceeded.wait)
        }
    }

    /// A planner that cannot be reached is asked again, as a step that has failed for a time is; other failures end the
    /// workflow.
    private func outcome(of failure: PlanningFailure, _ workflow: Workflow, attempt: Int) async throws -> JobOutcome {
        let recovery = RecoveryPolicy.recovery(
            from: .transient, retryAfter: failure.retryAfter, attempt: Int64(attempt))
        guard failure.kind == .unavailable, case .retry(let wait) = recovery else {
            return end(workflow, WorkflowError(failure), failure.models)
        }
        if let models = failure.models { try await database.write { try $0.record(models.outcomes) } }
        throw JobFailure.retry(after: wait, within: wait, reason: "The language model is not available.")
    }

    func abandon(_ job: PlanWorkflowJob, in transaction: Transaction) throws {
        try runner.fail(
            job.workflow, of: job.organisation,
            WorkflowError(.planningFailed, "The server could not plan the workflow. Submit it again later."),
            in: transaction)
    }

    private func end(_ workflow: Workflow, _ error: WorkflowError, _ models: ModelUse?) -> JobOutcome {
        .done { [runner] transaction in
            try runner.fail(workflow.id, of: workflow.organisation, error, models: models, in: transaction)
        }
    }

    /// - Parameter given: the client's own graph, as JSON.
    private func plan(of request: PlanRequest, given: String?, for workflow: Workflow) async throws -> (
        WorkflowPlan, PlannerKind
    ) {
        if let given { return (WorkflowPlan(graph: try JSONColumn.decode(given)), .client) }
        var failure = PlanningFailure(.notUnderstood, "No planner is configured.")
        for planner in planners {
            do {
                try await reserve(try planner.costMax(of: request), for: workflow)
                return (try await planner.plan(request, for: workflow), planner.kind)
            } catch let other as PlanningFailure where other.kind == .notUnderstood {
                failure = other
            }
        }
        throw failure
    }

    /// - Throws: ``PlanningFailure`` where the budget does not allow it.
    private func reserve(_ cost: MicroDollars, for workflow: Workflow) async throws {
        guard cost > .zero else { return }
        switch try await database.write({ [runner] in try runner.reservePlan(cost, of: workflow, in: $0) }) {
        case .reserved: return
        case .later: throw ModelCallsExceeded(wait: Self.budgetWait)
        case .refused:
            throw PlanningFailure(
                .overBudget,
                "The budget of \(workflow.budget) does not allow a plan by the language model, which may cost \(cost). "
                    + "Sentences of the documented forms are planned without it.")
        }
    }

    /// Stores the files of a context: its member `files`, texts by path, which was checked at the submission.
    /// - Returns: writes all of them, or throws ``StepFailure`` where there is no space for them.
    private func writeFiles(of context: [String: JSONValue], _ workflow: Workflow) async throws
        -> @Sendable (Transaction) throws -> Void
    {
        let texts = (context[PlanRequest.filesMember]?.object ?? [:]).sorted { $0.key < $1.key }
        let contents = try texts.compactMap { path, value in
            try value.string.map {
                WorkflowFileService.Content(path: try WorkflowPath(path), bytes: Array($0.utf8))
            }
        }
        guard !contents.isEmpty else { return { _ in } }
        return try await files.write(contents, of: workflow)
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
        let code: Code =
            switch failure.kind {
            case .notUnderstood: .intentNotUnderstood
            case .refused: .planRefused
            case .unavailable: .planningFailed
            case .overBudget: .budgetExceeded
            }
        self.init(code, failure.text)
    }
}
