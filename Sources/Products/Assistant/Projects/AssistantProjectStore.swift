import Identity
import Modules

/// The SQL of projects. A project is its person's; others do not find it.
extension Transaction {
    func insertAssistantProject(
        _ id: ID<AssistantProject>, _ request: CreateAssistantProject, metadata: String, for scope: Scope
    ) throws {
        try execute(
            """
            INSERT INTO assistant_projects (id, organisation_id, person_id, name, description, path, metadata,
                is_active, created_at, updated_at)
            VALUES (\(id), \(scope.organisation), \(scope.person), \(request.name), \(request.description ?? ""),
                \(request.path ?? ""), \(metadata), 1, \(now), \(now))
            """
        )
    }

    /// - Parameter isLocked: whether the row is locked until the transaction ends.
    /// - Throws: `assistant-project-not-found`, also for a project of another person or organisation.
    func assistantProject(_ id: ID<AssistantProject>, in scope: Scope, isLocked: Bool = false) throws
        -> AssistantProject
    {
        let lock: SQL = isLocked ? "\(.forUpdate)" : ""
        let project = try first(
            "SELECT * FROM assistant_projects WHERE id = \(id) AND \(Self.isAssistantOwner(scope)) \(lock)",
            AssistantProject.init)
        guard let project else { throw Problem(.assistantProjectNotFound) }
        return project
    }

    /// The projects, the last changed first.
    func assistantProjects(in scope: Scope, isActive: Bool?, limit: Int, offset: Int) throws -> [AssistantProject] {
        try all(
            """
            SELECT * FROM assistant_projects
            WHERE \(Self.isAssistantOwner(scope)) AND \(Self.isActive(isActive))
            ORDER BY updated_at DESC, id DESC LIMIT \(limit) OFFSET \(offset)
            """,
            AssistantProject.init)
    }

    func countAssistantProjects(in scope: Scope, isActive: Bool?) throws -> Int64 {
        try count(
            """
            SELECT COUNT(*) AS count FROM assistant_projects
            WHERE \(Self.isAssistantOwner(scope)) AND \(Self.isActive(isActive))
            """)
    }

    func update(_ project: AssistantProject) throws {
        try execute(
            """
            UPDATE assistant_projects SET name = \(project.name), description = \(project.description),
                path = \(project.path), metadata = \(project.metadata), is_active = \(project.isActive),
                updated_at = \(now)
            WHERE id = \(project.id) AND organisation_id = \(project.organisation)
            """
        )
    }

    /// Deletes a project. Its sessions remain without one.
    func delete(_ project: AssistantProject) throws {
        try execute(
            """
            UPDATE assistant_sessions SET project_id = NULL
            WHERE project_id = \(project.id) AND organisation_id = \(project.organisation)
            """
        )
        try execute(
            """
            DELETE FROM assistant_projects
            WHERE id = \(project.id) AND organisation_id = \(project.organisation)
            """
        )
    }

    private static func isActive(_ isActive: Bool?) -> SQL {
        if let isActive { "is_active = \(isActive)" } else { "1 = 1" }
    }

    /// Selects the rows of the assistant that belong to the scope's person.
    static func isAssistantOwner(_ scope: Scope) -> SQL {
        "organisation_id = \(scope.organisation) AND person_id = \(scope.person)"
    }
}
