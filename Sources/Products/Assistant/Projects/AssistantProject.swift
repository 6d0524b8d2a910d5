import Identity
import Modules

/// A piece of work of one person, to which sessions belong.
struct AssistantProject: Sendable {
    let id: ID<AssistantProject>
    let organisation: ID<Organisation>
    let person: ID<Person>
    var name: String
    var description: String
    /// Where the client keeps it. The server does not read it.
    var path: String
    /// JSON.
    var metadata: String
    var isActive: Bool
    let createdAt: Instant
    let updatedAt: Instant

    /// Of one person in an organisation.
    static let countMax: Int64 = 1_000

    init(row: Row) throws {
        id = try row["id"]
        organisation = try row["organisation_id"]
        person = try row["person_id"]
        name = try row["name"]
        description = try row["description"]
        path = try row["path"]
        metadata = try row["metadata"]
        isActive = try row["is_active"]
        createdAt = try row["created_at"]
        updatedAt = try row["updated_at"]
    }
}
