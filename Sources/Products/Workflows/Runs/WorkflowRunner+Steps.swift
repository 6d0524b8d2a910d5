import GoalGraphs
import Identity
import Modules
import Secrets

/// The ends of steps.
extension WorkflowRunner {
    /// What one attempt at a step has cost and taken, and hashes of what it worked with.
    struct Measure: Sendable {
        var cost: MicroDollars
        var milliseconds: Int64
        /// SHA-256 of the arguments, in hexadecimal.
        var arguments: String
        /// What was asked of language models.
        var models: ModelUse?
        /// Whether it is that of a workflow within the step, whose own steps have counted it.
        var isCounted = false

        static let none = Measure(cost: .zero, milliseconds: 0, arguments: "")
    }

    /// An attempt at a step has ended. An attempt that is not the present one, such as of a cancelled workflow, changes
    /// nothing.
    func finish(
        _ run: StepRun, _ result: Result<ToolResult, StepFailure>, _ measure: Measure, in transaction: Transaction
    ) throws {
        try change(run.organisation, in: transaction) { entries in
            guard let (step, workflow) = try present(run.step.id, run.step.attempt, of: run.organisation, transaction)
            else { return }
            if let models = measure.models {
                try transaction.record(models.outcomes)
                if let verification = models.verification {
                    entries.append(verification.entry(step, workflow, confidence: models.confidence))
                }
            }
            if result.hasTakenEffect { try transaction.dropEffectOutput(of: step) }
            if let output = result.output, try !hasRoom(for: output, of: workflow, transaction) {
                let failure = result.hasTakenEffect ? Self.outputsExceededAfterEffect : Self.outputsExceeded
                return try fail(step, of: workflow, failure, measure, &entries, in: transaction)
            }
            switch result {
            case .success(.answer(let output, let models)):
                if let failure = Self.failure(of: models, tries: step.tries) {
                    return try fail(step, of: workflow, failure, measure, &entries, in: transaction)
                }
                try transaction.setModel(models.model, of: step)
                try succeed(step, of: workflow, output, measure, &entries, in: transaction)
            case .success(.output(let output, let effect)):
                do {
                    try effect?(transaction)
                } catch let failure as StepFailure {
                    return try fail(step, of: workflow, failure, measure, &entries, in: transaction)
                }
                try succeed(step, of: workflow, output, measure, &entries, in: transaction)
            case .success(.effected(let output)):
                try succeed(step, of: workflow, output, measure, &entries, in: transaction)
            case .success(.workflow(let intent)):
                // The steps of the workflow within reserve what they need from the same budget.
                var workflow = workflow
                workflow.release(step.reservedCost, actual: .zero)
                try transaction.update(workflow, from: workflow.state)
                try transaction.setWaiting(step)
                guard let waiting = try transaction.step(step.id, of: run.organisation) else { return }
                try startChild(intent, of: workflow, waiting, &entries, in: transaction)
            case .failure(let failure):
                try fail(step, of: workflow, failure, measure, &entries, in: transaction)
            }
        }
    }

    /// Whether an answer is not accepted: its confidence is low and there are tries left, or its verification has
    /// failed. An answer that was not to be verified is accepted at the last try, with its confidence.
    private static func failure(of models: ModelUse, tries: Int64) -> StepFailure? {
        // Of this attempt alone: earlier failures of the step say nothing about the answer.
        let decision = models.confidence ?? Confidence.ofRules
        let confidence = Confidence.ofStep(decision: decision, calls: 1, failures: 0)
        let refuted = models.verification.flatMap { $0.isRefuted ? $0 : nil }
        let isLow = confidence < Confidence.retryThreshold
        guard refuted != nil || isLow && tries < RecoveryPolicy.attemptsMax else { return nil }
        let low =
            "The answer has the confidence \(WorkflowNumbers.confidence(confidence)); "
            + "\(Confidence.retryThreshold) is required."
        var failure = StepFailure(.toolError, isLow ? low : refuted?.reason ?? low)
        failure.reason = failure.text
        return failure
    }

    /// The job of an attempt has ended without a result.
    func abandon(_ job: StepJob, _ abandonment: JobAbandonment, in transaction: Transaction) throws {
        try change(job.organisation, in: transaction) { entries in
            guard let (step, workflow) = try present(job.step, job.attempt, of: job.organisation, transaction) else {
                return
            }
            // It may have had an effect before the server failed.
            try transaction.dropEffectOutput(of: step)
            let failure =
                switch abandonment {
                case .failed(let reason): StepFailure(.toolError, reason)
                case .exhausted, .poisoned: StepFailure(.unknown, "The server could not run the step.")
                case .cancelled: StepFailure(.unknown, "The step was stopped.")
                }
            try fail(step, of: workflow, failure, .none, &entries, in: transaction)
        }
    }

    private func present(
        _ id: ID<WorkflowStep>, _ attempt: Int64, of organisation: ID<Organisation>, _ transaction: Transaction
    ) throws -> (WorkflowStep, Workflow)? {
        guard let step = try transaction.step(id, of: organisation), step.state == .running, step.attempt == attempt,
            let workflow = try transaction.workflow(step.workflow, of: organisation), !workflow.state.isFinished
        else { return nil }
        return (step, workflow)
    }

    func succeed(
        _ step: WorkflowStep, of workflow: Workflow, _ output: NodeOutput, _ measure: Measure,
        _ entries: inout [TrailEntry], in transaction: Transaction
    ) throws {
        var workflow = workflow
        let before = workflow.state
        let failures = Int(step.attempt) - 1
        let confidence = Confidence.ofStep(
            decision: measure.models?.confidence ?? Confidence.ofRules, calls: failures + 1,
            failures: max(0, failures))
        try transaction.setSucceeded(
            step, output, confidence: confidence, cost: measure.cost, milliseconds: measure.milliseconds)
        try endAgent(of: step, as: .retired, measure, workflow, transaction)
        workflow.release(step.reservedCost, actual: measure.cost)
        workflow.stepSucceeded(confidence: confidence)
        if workflow.depth == 0 {
            workflow.addOutput(output)
            try settlement.commit(&workflow, in: transaction)
        } else if var root = try transaction.workflow(workflow.root, of: workflow.organisation) {
            root.addOutput(output)
            _ = try settlement.commit(&root, in: transaction)
            try transaction.update(root, from: root.state)
        }
        try transaction.update(workflow, from: before)
        let criteria = step.node.successCriteria.count
        entries.append(
            TrailEntry(
                .stepCompleted, of: workflow, node: step.node.id, agent: step.agent, decision: "accepted",
                because: criteria == 0
                    ? "The tool has succeeded."
                    : "The tool has succeeded, and its output meets all \(criteria) criteria.",
                confidence: confidence, facts: measure.facts(step, output)))
        entries.append(retired(step, workflow))
        if workflow.stepsCompleted == workflow.stepsTotal, workflow.state == .running {
            return try complete(&workflow, &entries, in: transaction)
        }
        try setDependentsReady(of: step, in: workflow, transaction)
    }

    func fail(
        _ step: WorkflowStep, of workflow: Workflow, _ failure: StepFailure, _ measure: Measure,
        _ entries: inout [TrailEntry], in transaction: Transaction
    ) throws {
        var workflow = workflow
        let before = workflow.state
        let other = try measure.models.flatMap { try models?.model(otherThan: $0.model, in: transaction) }
        let recovery = RecoveryPolicy.recovery(
            from: failure.kind, retryAfter: failure.retryAfter, attempt: step.tries, otherModel: other,
            hasTakenEffect: failure.hasTakenEffect)
        let retryAt: Instant? =
            switch recovery {
            case .retry(let wait): transaction.now + wait
            case .swapModel, .swapAgent: transaction.now
            case .escalate: nil
            }
        try transaction.setFailed(
            step, failure, cost: measure.cost, milliseconds: measure.milliseconds, retryAt: retryAt)
        if case .swapModel(let model) = recovery { try transaction.setModel(model, of: step) }
        try endAgent(of: step, as: .failed, measure, workflow, transaction)
        workflow.release(step.reservedCost, actual: measure.cost)
        if retryAt == nil { workflow.stepFailed() }
        entries.append(
            TrailEntry(
                .stepFailed, of: workflow, node: step.node.id, agent: step.agent, decision: failure.kind.rawValue,
                because: failure.reason ?? "Attempt \(step.attempt) has failed.",
                confidence: measure.models?.confidence, facts: measure.facts(step, nil)))
        entries.append(
            TrailEntry(
                .recoveryTriggered, of: workflow, node: step.node.id, decision: recovery.name,
                because: recovery.reason(failure, attempt: step.tries)))
        if recovery == .swapAgent {
            entries.append(
                TrailEntry(
                    .agentReplaced, of: workflow, node: step.node.id, agent: step.agent, decision: "replace",
                    because: "Another agent tries the step."))
        }
        if let retryAt, retryAt > transaction.now {
            try queue.enqueue(
                StartStepsJob(organisation: workflow.organisation),
                JobOptions(priority: StepJob.priority, runAt: retryAt, organisation: workflow.organisation.text),
                in: transaction)
        }
        if retryAt == nil, workflow.state == .running {
            try workflow.pause(.escalated, at: transaction.now)
            if workflow.takePauseMail(at: transaction.now) {
                try notices.sendPause(of: workflow, at: step, because: failure, in: transaction)
            }
            entries.append(
                TrailEntry(
                    .paused, of: workflow, node: step.node.id, decision: "escalate",
                    because: "A step has failed, and no recovery helps: a person decides."))
        }
        try transaction.update(workflow, from: before)
    }

    /// An attempt has ended: its costs count for the person, the plan and the day.
    private func endAgent(
        of step: WorkflowStep, as state: WorkflowAgent.State, _ measure: Measure, _ workflow: Workflow,
        _ transaction: Transaction
    ) throws {
        let costs = WorkflowCosts(
            attempts: 1, cost: measure.isCounted ? .zero : measure.cost,
            estimated: measure.isCounted ? .zero : step.node.estimatedCost)
        try transaction.endAgent(of: step, as: state, costs)
        try transaction.addCosts(costs, of: workflow)
    }

    private func hasRoom(for output: NodeOutput, of workflow: Workflow, _ transaction: Transaction) throws -> Bool {
        let root =
            workflow.depth == 0 ? workflow : try transaction.workflow(workflow.root, of: workflow.organisation)
        return root?.hasRoom(for: output) ?? true
    }

    private static let outputsText =
        "The outputs of all steps of a submission have at most \(Workflow.outputBytesMax) bytes."
    private static let outputsExceeded = StepFailure(.resourceExhaustion, outputsText)
    private static let outputsExceededAfterEffect = StepFailure.afterEffect(.resourceExhaustion, outputsText)

    private func setDependentsReady(of step: WorkflowStep, in workflow: Workflow, _ transaction: Transaction) throws {
        let steps = try transaction.steps(of: workflow)
        let succeeded = Set(steps.filter { $0.state == .succeeded }.map(\.node.id))
        for dependent in steps
        where dependent.state == .pending && dependent.node.dependencies.allSatisfy(succeeded.contains) {
            try transaction.setReady(dependent)
        }
    }

    private func retired(_ step: WorkflowStep, _ workflow: Workflow) -> TrailEntry {
        TrailEntry(
            .agentRetired, of: workflow, node: step.node.id, agent: step.agent, decision: "retire",
            because: "Its step has ended.")
    }

    // MARK: Workflows within workflows

    /// The largest depth, and the number of workflows of one submission.
    static let depthMax: Int64 = 3
    static let familyMax: Int64 = 20

    private func startChild(
        _ intent: String, of workflow: Workflow, _ step: WorkflowStep, _ entries: inout [TrailEntry],
        in transaction: Transaction
    ) throws {
        guard workflow.depth < Self.depthMax,
            try transaction.countFamily(of: workflow.root, in: workflow.organisation) < Self.familyMax
        else {
            let failure = StepFailure(
                .policyViolation,
                "A submission has at most \(Self.familyMax) workflows, \(Self.depthMax) levels deep.")
            return try fail(step, of: workflow, failure, .none, &entries, in: transaction)
        }
        // At most what is left now; its steps find less where others have spent or reserved it by then.
        let budget = try FamilyBudget(of: workflow, in: transaction)
        let rest = budget.limit.micros - budget.spent.micros
        let id: ID<Workflow> = runtime.id()
        let new = NewWorkflow(
            id: id, organisation: workflow.organisation, person: workflow.person, plan: workflow.plan, intent: intent,
            priority: workflow.priority, budget: MicroDollars(max(0, rest)),
            operation: "step:\(step.id):\(step.attempt)",
            fingerprint: "", parent: NewWorkflow.Parent(workflow: workflow, step: step.id))
        _ = try insert(new, context: "{}", by: nil, &entries, in: transaction)
    }

    /// A workflow within another one has ended: so does the step that waits for it.
    func finishParentStep(of workflow: Workflow, _ entries: inout [TrailEntry], in transaction: Transaction) throws {
        guard let parent = workflow.parentStep, let step = try transaction.step(parent, of: workflow.organisation),
            step.state == .waiting,
            let outer = try transaction.workflow(step.workflow, of: workflow.organisation), !outer.state.isFinished
        else { return }
        let measure = Measure(cost: workflow.cost, milliseconds: 0, arguments: "", isCounted: true)
        if workflow.state == .completed, let output = try transaction.lastOutput(of: workflow) {
            guard try hasRoom(for: output, of: outer, transaction) else {
                return try fail(step, of: outer, Self.outputsExceeded, measure, &entries, in: transaction)
            }
            try succeed(step, of: outer, output, measure, &entries, in: transaction)
        } else {
            let failure = StepFailure(.unknown, "The workflow within this step has \(workflow.state.rawValue).")
            try fail(step, of: outer, failure, measure, &entries, in: transaction)
        }
    }
}

extension WorkflowRunner.Measure {
    fileprivate func facts(_ step: WorkflowStep, _ output: NodeOutput?) -> [String: String] {
        var facts = [
            "tool": step.node.tool, "attempt": "\(step.attempt)", "cost": "\(cost.dollars)",
            "milliseconds": "\(milliseconds)",
        ]
        if let models { facts["model"] = models.model }
        if !arguments.isEmpty { facts["arguments_sha256"] = arguments }
        if let output {
            facts["output_sha256"] = Digest.hex(output.text)
            facts["output_bytes"] = "\(output.text.utf8.count)"
        }
        return facts
    }
}

extension Verification {
    fileprivate func entry(_ step: WorkflowStep, _ workflow: Workflow, confidence: Double?) -> TrailEntry {
        var facts = ["attempt": "\(step.attempt)"]
        facts["similarity"] = similarity.map { WorkflowNumbers.confidence($0).description }
        return TrailEntry(
            .stepVerified, of: workflow, node: step.node.id, agent: step.agent, decision: name, because: reason,
            confidence: confidence, facts: facts)
    }
}

extension Recovery {
    fileprivate func reason(_ failure: StepFailure, attempt: Int64) -> String {
        let kind = failure.kind.rawValue
        return switch self {
        case .retry(let wait): "The failure is \(kind): the step is tried again in \(wait.components.seconds) s."
        case .swapModel(let model): "The failure is \(kind): the model \(model) tries the step."
        case .swapAgent: "The failure is \(kind): another agent tries the step."
        case .escalate:
            if failure.hasTakenEffect {
                "A service has carried out the request: only a person may have it sent again."
            } else if attempt >= RecoveryPolicy.attemptsMax {
                "The step has failed \(attempt) times."
            } else {
                "No recovery helps after a failure of the kind \(kind)."
            }
        }
    }
}
