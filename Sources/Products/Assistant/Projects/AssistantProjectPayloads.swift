import Identity
import Modules

struct CreateAssistantProject: Payload {
    var name: String
    var description: String?
    /// Where the client keeps it. The server does not read it.
    var path: String?
    /// Any members.
    var metadata: [String: JSONValue]?

    static let rules: [String: Rule] = [
        "name": .length(1...200), "description": .length(0...2_000), "path": .length(0...1_000),
    ]
}

struct ChangeAssistantProject: Payload {
    var name: String?
    var description: String?
    var path: String?
    var metadata: [String: JSONValue]?
    var isActive: Bool?

    static let rules = CreateAssistantProject.rules
}

struct AssistantProjectView: Payload {
    var id: ID<AssistantProject>
    var ownerId: ID<Person>
    var name: String
    var description: String
    var path: String
    var metadata: JSONValue
    var isActive: Bool
    var createdAt: Instant
    var updatedAt: Instant

    init(_ project: AssistantProject) throws {
        id = project.id
        ownerId = project.person
        name = project.name
        description = project.description
        path = project.path
        metadata = try AssistantMetadata.value(project.metadata)
        isActive = project.isActive
        createdAt = project.createdAt
        updatedAt = project.updatedAt
    }
}

struct AssistantProjectList: Payload {
    var projects: [AssistantProjectView]
    var total: Int64
    var limit: Int
    var offset: Int

    var listTotal: Int64? { total }
}
