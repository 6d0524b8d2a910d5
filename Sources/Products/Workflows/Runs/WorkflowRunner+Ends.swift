import GoalGraphs
import Identity
import Modules

/// The ends of workflows, their pauses and their resumption.
extension WorkflowRunner {
    func complete(_ workflow: inout Workflow, _ entries: inout [TrailEntry], in transaction: Transaction) throws {
        let before = workflow.state
        try workflow.complete(at: transaction.now)
        // Without steps that have succeeded nothing was settled.
        try settlement.release(&workflow, in: transaction)
        try transaction.update(workflow, from: before)
        entries.append(
            TrailEntry(
                .completed, of: workflow, decision: "complete", because: "All steps have succeeded.",
                confidence: workflow.confidence,
                facts: [
                    "cost": "\(workflow.cost.dollars)", "estimated_cost": "\(workflow.estimatedCost.dollars)",
                    "steps": "\(workflow.stepsCompleted)",
                ]))
        try finishParentStep(of: workflow, &entries, in: transaction)
    }

    /// Ends a workflow that cannot succeed.
    func fail(
        _ workflow: inout Workflow, _ error: WorkflowError, _ entries: inout [TrailEntry], in transaction: Transaction
    ) throws {
        let before = workflow.state
        try workflow.fail(error, at: transaction.now)
        try stop(&workflow, from: before, &entries, in: transaction)
        entries.append(
            TrailEntry(
                .failed, of: workflow, decision: error.code.rawValue, because: error.code.reason,
                facts: ["cost": "\(workflow.cost.dollars)"]))
        try finishParentStep(of: workflow, &entries, in: transaction)
    }

    /// As ``fail(_:_:_:in:)``, by id; a workflow that has ended is not changed.
    /// - Parameter models: what was asked of models for a plan that there is none of.
    func fail(
        _ id: ID<Workflow>, of organisation: ID<Organisation>, _ error: WorkflowError, models: ModelUse? = nil,
        in transaction: Transaction
    ) throws {
        try change(organisation, in: transaction) { entries in
            // Under the lock of the agents, as everywhere: rows of models are shared by all organisations.
            try transaction.record(models?.outcomes ?? [])
            guard var workflow = try transaction.workflow(id, of: organisation), !workflow.state.isFinished else {
                return
            }
            if let models { try spend(models.cost, onPlanOf: &workflow, in: transaction) }
            try fail(&workflow, error, &entries, in: transaction)
        }
    }

    /// - Parameters:
    ///   - scope: nil where the account has ended.
    ///   - reason: why, where no person has requested it.
    func cancel(
        _ workflow: Workflow, by scope: Scope?, because reason: String = "Its person has cancelled it.",
        in transaction: Transaction
    ) throws {
        try change(workflow.organisation, in: transaction) { entries in
            // Read again under the lock.
            guard var workflow = try transaction.workflow(workflow.id, of: workflow.organisation) else {
                throw Problem(.workflowNotFound)
            }
            try cancel(&workflow, by: scope, because: reason, &entries, in: transaction)
            try finishParentStep(of: workflow, &entries, in: transaction)
        }
    }

    private func cancel(
        _ workflow: inout Workflow, by scope: Scope?, because reason: String, _ entries: inout [TrailEntry],
        in transaction: Transaction
    ) throws {
        let before = workflow.state
        try workflow.cancel(at: transaction.now)
        try stop(&workflow, from: before, &entries, in: transaction)
        entries.append(
            TrailEntry(
                .cancelled, of: workflow, by: scope, decision: "cancel", because: reason,
                facts: [
                    "cost": "\(workflow.cost.dollars)", "steps_completed": "\(workflow.stepsCompleted)",
                    "user_id": (scope?.person ?? workflow.person).text,
                ]))
    }

    /// Ends the steps, their jobs and the workflows within, releases what was not spent, and writes the workflow.
    private func stop(
        _ workflow: inout Workflow, from before: Workflow.State, _ entries: inout [TrailEntry],
        in transaction: Transaction
    ) throws {
        // The end of a step's job waits for the agents with the row of the job locked: this transaction must not wait
        // for that row. A job that goes on changes nothing, because its attempt is not the present one.
        try queue.stop(try transaction.steps(of: workflow).compactMap(\.job), in: transaction)
        try transaction.cancelSteps(of: workflow)
        try transaction.endApprovals(of: workflow)
        for var child in try transaction.unfinishedChildren(of: workflow) {
            try cancel(
                &child, by: nil, because: "The workflow that it belongs to has ended.", &entries, in: transaction)
        }
        try settlement.release(&workflow, in: transaction)
        try transaction.update(workflow, from: before)
    }

    /// Running steps end; no further one starts.
    func pause(_ workflow: Workflow, by scope: Scope, in transaction: Transaction) throws -> Workflow {
        try change(workflow.organisation, in: transaction) { entries in
            guard var workflow = try transaction.workflow(workflow.id, of: workflow.organisation) else {
                throw Problem(.workflowNotFound)
            }
            try workflow.pause(.requested, at: transaction.now)
            try transaction.update(workflow, from: .running)
            entries.append(
                TrailEntry(
                    .paused, of: workflow, by: scope, decision: "pause", because: "Its person has requested it.",
                    facts: ["user_id": scope.person.text]))
            return workflow
        }
    }

    /// The steps that have succeeded stay as they are; those that have failed are tried again.
    func resume(_ workflow: Workflow, by scope: Scope, in transaction: Transaction) throws -> Workflow {
        try change(workflow.organisation, in: transaction) { entries in
            guard var workflow = try transaction.workflow(workflow.id, of: workflow.organisation) else {
                throw Problem(.workflowNotFound)
            }
            try workflow.resume(at: transaction.now)
            let revived = try transaction.reviveFailedSteps(of: workflow)
            for _ in 0..<revived { workflow.stepRevived() }
            try transaction.update(workflow, from: .paused)
            let facts = ["user_id": scope.person.text]
            entries.append(
                TrailEntry(
                    .resumeRequested, of: workflow, by: scope, decision: "resume",
                    because: "Its person has requested it.", facts: facts))
            if workflow.stepsCompleted == workflow.stepsTotal {
                try complete(&workflow, &entries, in: transaction)
            } else {
                entries.append(
                    TrailEntry(
                        .resumed, of: workflow, by: scope, decision: "run",
                        because: "\(workflow.stepsCompleted) steps have succeeded, and \(revived) are tried again.",
                        facts: facts))
            }
            return workflow
        }
    }
}

extension WorkflowError.Code {
    fileprivate var reason: String {
        switch self {
        case .intentNotUnderstood: "The intent has no documented form."
        case .planRefused: "There is no valid plan, or no space for its files."
        case .planningFailed: "The plan could not be made."
        case .budgetExceeded: "The budget does not allow the next step."
        case .deadlineExceeded: "The time of the workflow is over."
        case .pausedTooLong: "It was paused for too long."
        case .approvalDenied: "A person has not consented to a step."
        }
    }
}
