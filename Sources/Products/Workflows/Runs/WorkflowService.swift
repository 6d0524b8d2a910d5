import Audit
import Entitlements
import GoalGraphs
import Identity
import Modules

/// Reads and controls workflows.
final class WorkflowService: Sendable {
    private let database: any Database
    private let runner: WorkflowRunner
    private let history: AuditSearchService
    private let exports: AuditHistoryExportService
    private let files: WorkflowFileService
    /// Nil where there are no commands.
    private let copies: WorkingCopyService?

    /// Agents of a list.
    private static let agentsMax = 200
    /// Rows of one transaction of a job.
    private static let batch = 100

    init(
        database: any Database, runner: WorkflowRunner, history: AuditSearchService,
        exports: AuditHistoryExportService, files: WorkflowFileService, copies: WorkingCopyService?
    ) {
        self.database = database
        self.runner = runner
        self.history = history
        self.exports = exports
        self.files = files
        self.copies = copies
    }

    // MARK: Reading

    /// - Throws: `validation-failed` for an unknown status.
    func list(scope: Scope, status: String?, limit: Int, offset: Int) async throws(Problem) -> WorkflowList {
        let state = status.flatMap(Workflow.State.init)
        guard status == nil || state != nil else { throw Problem.invalid("/status", "is no status of a workflow") }
        return try await database.read { transaction in
            WorkflowList(
                workflows: try transaction.workflows(in: scope, state: state, limit: limit, offset: offset)
                    .map { WorkflowView($0) },
                total: try transaction.countWorkflows(in: scope, state: state))
        }
    }

    /// - Throws: `workflow-not-found`; `workflow-access-denied`, as the other methods.
    func view(_ id: ID<Workflow>, scope: Scope) async throws(Problem) -> WorkflowView {
        WorkflowView(try await database.read { try $0.workflow(id, in: scope) })
    }

    func steps(of id: ID<Workflow>, scope: Scope) async throws(Problem) -> WorkflowStepList {
        try await database.read { transaction in
            let workflow = try transaction.workflow(id, in: scope)
            let children = try transaction.children(of: workflow)
            return WorkflowStepList(
                workflowId: id,
                steps: try transaction.steps(of: workflow).map { WorkflowStepView($0, child: children[$0.id]) })
        }
    }

    /// - Throws: also `not-found` for a step without an output.
    func output(of node: String, in id: ID<Workflow>, scope: Scope) async throws(Problem) -> WorkflowStepOutput {
        try await database.read { transaction in
            let workflow = try transaction.workflow(id, in: scope)
            guard let output = try transaction.outputs(of: [node], in: id, of: workflow.organisation)[node] else {
                throw Problem(.notFound)
            }
            return WorkflowStepOutput(
                workflowId: id, stepId: node, output: output.text, outputStatus: output.status, rows: output.rows)
        }
    }

    func agents(of id: ID<Workflow>, scope: Scope) async throws(Problem) -> WorkflowAgentList {
        try await database.read { transaction in
            let workflow = try transaction.workflow(id, in: scope)
            return WorkflowAgentList(
                workflowId: id,
                agents: try transaction.agents(of: workflow, limit: Self.agentsMax).map { WorkflowAgentView($0) })
        }
    }

    func agents(scope: Scope) async throws(Problem) -> AgentList {
        try await database.read { transaction in
            AgentList(
                agents: try transaction.agents(in: scope, limit: Self.agentsMax).map { WorkflowAgentView($0) })
        }
    }

    func metrics(scope: Scope) async throws(Problem) -> WorkflowMetrics {
        try await database.read { transaction in
            WorkflowMetrics(
                try transaction.workflowSums(in: scope),
                agentsWorking: try transaction.countWorkingAgents(of: scope.organisation))
        }
    }

    func audit(of id: ID<Workflow>, scope: Scope, limit: Int, offset: Int) async throws(Problem)
        -> WorkflowAuditEntries
    {
        let workflow = try await database.read { try $0.workflow(id, in: scope) }
        let (rows, total) = try await history.history(
            of: id.text, in: workflow.organisation.text, limit: limit, offset: offset)
        return WorkflowAuditEntries(workflowId: id, entries: rows.map { WorkflowAuditEntry($0) }, totalEntries: total)
    }

    /// The whole trail of a workflow with the proofs that it is unchanged and complete, for `gatehouse audit verify`.
    func auditExport(of id: ID<Workflow>, scope: Scope) async throws(Problem) -> AuditExport {
        let workflow = try await database.read { try $0.workflow(id, in: scope) }
        let lines = try await exports.export(of: id.text, in: workflow.organisation.text)
        return AuditExport("workflow-\(id)-audit.ndjson", lines: lines)
    }

    // MARK: Control

    /// - Throws: also `workflow-state-conflict` for one that has ended, as the other methods for other states.
    func cancel(_ id: ID<Workflow>, scope: Scope) async throws(Problem) -> WorkflowChanged {
        try await database.write { [runner] transaction in
            try runner.cancel(try transaction.workflow(id, in: scope), by: scope, in: transaction)
        }
        return WorkflowChanged(message: "Workflow cancelled successfully", workflowId: id, status: .cancelled)
    }

    func pause(_ id: ID<Workflow>, scope: Scope) async throws(Problem) -> WorkflowChanged {
        let workflow = try await database.write { [runner] transaction in
            try runner.pause(try transaction.workflow(id, in: scope), by: scope, in: transaction)
        }
        return WorkflowChanged(message: "Workflow paused", workflowId: id, status: workflow.state)
    }

    func resume(_ id: ID<Workflow>, scope: Scope) async throws(Problem) -> WorkflowChanged {
        let workflow = try await database.write { [runner] transaction in
            try runner.resume(try transaction.workflow(id, in: scope), by: scope, in: transaction)
        }
        return WorkflowChanged(message: "Workflow resume requested", workflowId: id, status: workflow.state)
    }

    /// Cancels the workflows and ends the schedules of a person who can no longer do so, in the transaction that causes
    /// it.
    /// - Parameters:
    ///   - organisation: the one that the person has left; nil for those in every one.
    ///   - reason: a sentence.
    func cancelAll(
        of person: ID<Person>, leaving organisation: ID<Organisation>? = nil, because reason: String,
        in transaction: Transaction
    ) throws {
        // All locks first: a transaction of the second organisation may wait for what the end of a workflow of the first
        // one has locked.
        for organisation in try transaction.organisations(withWorkOf: person, in: organisation) {
            try runner.lock(organisation, in: transaction)
        }
        try transaction.endSchedules(of: person, in: organisation)
        for workflow in try transaction.unfinishedWorkflows(of: person, in: organisation) {
            try runner.cancel(workflow, by: nil, because: reason, in: transaction)
        }
    }

    // MARK: For jobs

    /// Ends workflows whose time is over, renews the leases of credits, and starts steps that were missed, such as
    /// after a change of the plan. Removes what killed processes have left on the disk.
    func maintain(_ context: JobContext) async throws {
        try await endOverdue(context)
        var last = ""
        while true {
            try context.checkCancellation()
            let after = last
            let held = try await database.read { try $0.heldWorkflows(after: after, limit: Self.batch) }
            // One that fails, or waits for another transaction, does not stop those of other organisations.
            let organisations = Dictionary(grouping: held, by: \.organisation.text)
            try await context.each(organisations.keys.sorted(), name: { $0 }) { organisation in
                try await database.write { [runner] transaction in
                    for workflow in organisations[organisation, default: []] {
                        try runner.settlement.extend(workflow, in: transaction)
                    }
                }
            }
            guard held.count == Self.batch, let id = held.last?.id.text else { break }
            last = id
        }
        let organisations = try await database.read { try $0.organisationsWithReadySteps(limit: 1_000) }
        try await context.each(organisations, name: \.text) { organisation in
            try await database.write { [runner] in try runner.startSteps(of: organisation, in: $0) }
        }
        try await copies?.removeOld()
    }

    /// Deletes workflows that ended long ago, with their files and topics. The files are removed first: rows that
    /// remain after a crash lead to the next try.
    func deleteOld(_ context: JobContext) async throws {
        var last: Workflow?
        while true {
            let after = last
            let old = try await database.read { try $0.oldWorkflows(after: after, limit: Self.batch) }
            try await context.each(old, name: \.id.text) { try await delete($0) }
            guard old.count == Self.batch, let end = old.last else { return }
            last = end
        }
    }

    /// Deletes a submitted workflow and those within it.
    private func delete(_ workflow: Workflow) async throws {
        try await files.removeFolder(of: workflow.root)
        try await database.write { [runner] transaction in
            try runner.lock(workflow.organisation, in: transaction)
            let family = try transaction.family(of: workflow)
            for member in family { try transaction.delete(member) }
            for member in family {
                try runner.trail.remove(of: member.id, in: member.organisation, transaction)
            }
        }
    }

    /// Ends workflows whose time is over.
    private func endOverdue(_ context: JobContext) async throws {
        var last = ""
        while true {
            let after = last
            let overdue = try await database.read { try $0.overdueWorkflows(after: after, limit: Self.batch) }
            try await context.each(overdue, name: \.id.text) { workflow in
                let error = Self.overdueError(of: workflow)
                try await database.write { [runner] in
                    try runner.fail(workflow.id, of: workflow.organisation, error, in: $0)
                }
            }
            guard overdue.count == Self.batch, let id = overdue.last?.id.text else { return }
            last = id
        }
    }

    private static func overdueError(of workflow: Workflow) -> WorkflowError {
        workflow.state == .paused
            ? WorkflowError(
                .pausedTooLong, "The workflow was paused for \(Workflow.pauseMax.components.seconds / 86_400) days.")
            : WorkflowError(
                .deadlineExceeded,
                "The workflow has run for \(Workflow.timeMax.components.seconds / 3_600) hours.")
    }
}
