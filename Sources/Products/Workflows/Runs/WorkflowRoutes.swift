import Identity
import Modules

/// The endpoints that read and control workflows.
struct WorkflowRoutes: Sendable {
    let workflows: WorkflowService
    let files: WorkflowFileService
    let costs: WorkflowCostService
    let member: Member

    var routes: [Route] { overview + reading + control }

    private var access: Member { member.allowing(.workflows) }

    /// Over all workflows that the caller may see.
    private var overview: [Route] {
        [
            .get(
                "workflows/metrics", "Count workflows by their states, with what they have cost", requires: access
            ) { [workflows] in try await workflows.metrics(scope: $0) }.alias("metrics"),
            .get(
                "workflows/costs", "Get what workflows have cost, by day, user and plan", requires: access,
                .query("days", 1...WorkflowCostQuery.daysMax, default: 30)
            ) { [costs] in try await costs.costs(days: $1, scope: $0) },
            .get("agents", "List the newest agents of all workflows", requires: access) { [workflows] in
                try await workflows.agents(scope: $0)
            },
        ]
    }

    private var reading: [Route] {
        [
            .get(
                "workflows", "List submitted workflows, the newest first", requires: access, .query("status", upTo: 20),
                .query("limit", 1...200, default: 50), .query("offset", 0...1_000_000, default: 0)
            ) { [workflows] in try await workflows.list(scope: $0, status: $1, limit: $2, offset: $3) }
            .asTool("list_workflows"),
            .get(
                "workflows/{workflow_id}", "Get a workflow", requires: access,
                .path("workflow_id", of: Workflow.self), problems: Self.problems
            ) { [workflows] in try await workflows.view($1, scope: $0) }.asTool("get_workflow"),
            .get(
                "workflows/{workflow_id}/steps", "List the steps of a workflow, in the order of its plan",
                requires: access, .path("workflow_id", of: Workflow.self), problems: Self.problems
            ) { [workflows] in try await workflows.steps(of: $1, scope: $0) }.asTool("list_workflow_steps"),
            .get(
                "workflows/{workflow_id}/steps/{step_id}", "Get the output of a step", requires: access,
                .path("workflow_id", of: Workflow.self), .path("step_id"), problems: Self.problems + [.notFound]
            ) { [workflows] in try await workflows.output(of: $2, in: $1, scope: $0) }.asTool("get_workflow_step"),
            .get(
                "workflows/{workflow_id}/agents", "List the newest agents of a workflow", requires: access,
                .path("workflow_id", of: Workflow.self), problems: Self.problems
            ) { [workflows] in try await workflows.agents(of: $1, scope: $0) },
            .get(
                "workflows/{workflow_id}/audit", "List the audit entries of a workflow, the oldest first",
                requires: access, .path("workflow_id", of: Workflow.self), .query("limit", 1...1_000, default: 200),
                .query("offset", 0...1_000_000, default: 0), problems: Self.problems
            ) { [workflows] in try await workflows.audit(of: $1, scope: $0, limit: $2, offset: $3) },
            .get(
                "workflows/{workflow_id}/audit/export",
                "Export the audit entries of a workflow with a signature, for `gatehouse audit verify`",
                requires: access, .path("workflow_id", of: Workflow.self), problems: Self.problems
            ) { [workflows] in try await workflows.auditExport(of: $1, scope: $0) },
            .get(
                "workflows/{workflow_id}/files", "List the files of a workflow's folder", requires: access,
                .path("workflow_id", of: Workflow.self), problems: Self.problems
            ) { [files] in try await files.list($1, scope: $0) },
            .get(
                "workflows/{workflow_id}/files/content", "Get a file of a workflow's folder", requires: access,
                .path("workflow_id", of: Workflow.self), .query("path", upTo: WorkflowPath.bytesMax),
                problems: Self.problems + [.workflowFileNotFound]
            ) { [files] scope, id, path in try await files.download(path ?? "", of: id, scope: scope) },
        ]
    }

    private var control: [Route] {
        [
            .delete(
                "workflows/{workflow_id}", "Cancel a workflow", requires: access,
                .path("workflow_id", of: Workflow.self), problems: Self.controlProblems
            ) { [workflows] in try await workflows.cancel($1, scope: $0) },
            .post(
                "workflows/{workflow_id}/pause", "Pause a workflow: no further step starts", requires: access,
                .path("workflow_id", of: Workflow.self), problems: Self.controlProblems
            ) { [workflows] in try await workflows.pause($1, scope: $0) },
            .post(
                "workflows/{workflow_id}/resume", "Resume a paused workflow; steps that have failed are tried again",
                requires: access, .path("workflow_id", of: Workflow.self), problems: Self.controlProblems
            ) { [workflows] in try await workflows.resume($1, scope: $0) },
        ]
    }

    private static let problems: [Problem.Kind] = [.workflowNotFound, .workflowAccessDenied]
    private static let controlProblems = problems + [.workflowStateConflict]
}
