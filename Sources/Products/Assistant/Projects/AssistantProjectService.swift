import Audit
import Identity
import Modules

/// Creates, reads, changes and deletes projects.
final class AssistantProjectService: Sendable {
    private let database: any Database
    private let audit: AuditService
    private let runtime: Runtime

    init(database: any Database, audit: AuditService, runtime: Runtime) {
        self.database = database
        self.audit = audit
        self.runtime = runtime
    }

    /// - Throws: `validation-failed`; `assistant-limit`; `not-found` where the person is no longer a member.
    func create(_ request: CreateAssistantProject, scope: Scope) async throws(Problem) -> AssistantProjectView {
        let metadata = try AssistantMetadata.text(request.metadata ?? [:])
        let id: ID<AssistantProject> = runtime.id()
        return try await database.write { transaction in
            try transaction.authority(of: scope, OrganisationRole.allCases)
            guard try transaction.countAssistantProjects(in: scope, isActive: nil) < AssistantProject.countMax else {
                throw Problem(.assistantLimit, detail: "There are at most \(AssistantProject.countMax) projects.")
            }
            try transaction.insertAssistantProject(id, request, metadata: metadata, for: scope)
            return try AssistantProjectView(try transaction.assistantProject(id, in: scope))
        }
    }

    func list(scope: Scope, isActive: Bool?, limit: Int, offset: Int) async throws(Problem) -> AssistantProjectList {
        try await database.read { transaction in
            AssistantProjectList(
                projects: try transaction.assistantProjects(
                    in: scope, isActive: isActive, limit: limit, offset: offset
                ).map { try AssistantProjectView($0) },
                total: try transaction.countAssistantProjects(in: scope, isActive: isActive), limit: limit,
                offset: offset)
        }
    }

    /// - Throws: `assistant-project-not-found`, as the other methods.
    func view(_ id: ID<AssistantProject>, scope: Scope) async throws(Problem) -> AssistantProjectView {
        try await database.read { try AssistantProjectView(try $0.assistantProject(id, in: scope)) }
    }

    /// - Throws: also `validation-failed`.
    func change(_ id: ID<AssistantProject>, _ request: ChangeAssistantProject, scope: Scope) async throws(Problem)
        -> AssistantProjectView
    {
        let metadata = try request.metadata.map { metadata throws(Problem) in try AssistantMetadata.text(metadata) }
        return try await database.write { transaction in
            var project = try transaction.assistantProject(id, in: scope, isLocked: true)
            project.name = request.name ?? project.name
            project.description = request.description ?? project.description
            project.path = request.path ?? project.path
            project.metadata = metadata ?? project.metadata
            project.isActive = request.isActive ?? project.isActive
            try transaction.update(project)
            return try AssistantProjectView(try transaction.assistantProject(id, in: scope))
        }
    }

    /// Deletes a project. Its sessions remain without one.
    func delete(_ id: ID<AssistantProject>, scope: Scope) async throws(Problem) -> NoContent {
        try await database.write { [audit] transaction in
            try transaction.delete(try transaction.assistantProject(id, in: scope, isLocked: true))
            try audit.record(AuditEvent("assistant-project.deleted", by: scope, subject: id.text), in: transaction)
        }
        return NoContent()
    }
}
