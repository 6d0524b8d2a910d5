import Entitlements
import Identity
import Modules

/// The endpoints of projects.
struct AssistantProjectRoutes: Sendable {
    let projects: AssistantProjectService
    let member: Member
    let entitlements: EntitlementsModule

    var routes: [Route] {
        let access = member.allowing(.assistant)
        let id: PathID<AssistantProject> = .path("project_id", of: AssistantProject.self)
        let routes: [Route] = [
            .post(
                "projects", "Create a project, to which sessions may belong", requires: access,
                problems: [.assistantLimit, .notFound]
            ) { [projects] (request: CreateAssistantProject, scope) in
                Created(try await projects.create(request, scope: scope))
            },
            .get(
                "projects", "List one's projects, the last changed first", requires: access,
                .query("is_active", oneOf: ["true", "false"]), .query("limit", 1...1_000, default: 100),
                .query("offset", 0...1_000_000, default: 0)
            ) { [projects] scope, isActive, limit, offset in
                try await projects.list(
                    scope: scope, isActive: isActive.map { $0 == "true" }, limit: limit, offset: offset)
            },
            .get(
                "projects/{project_id}", "Get a project", requires: access, id, problems: [.assistantProjectNotFound]
            ) { [projects] in try await projects.view($1, scope: $0) },
            .patch(
                "projects/{project_id}", "Change a project", requires: access, id,
                problems: [.assistantProjectNotFound]
            ) { [projects] (request: ChangeAssistantProject, scope, id) in
                try await projects.change(id, request, scope: scope)
            },
            .delete(
                "projects/{project_id}", "Delete a project; its sessions remain", requires: access, id,
                problems: [.assistantProjectNotFound]
            ) { [projects] in try await projects.delete($1, scope: $0) },
        ]
        return routes.map { $0.guarded(by: entitlements.rate(.assistant)) }
    }
}
