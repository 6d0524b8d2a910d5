import Modules

/// A version of the risk model that can be assigned to instances.
struct LabModel: Sendable {
    let id: ID<LabModel>
    let name: String
    let version: String
    let description: String
    let isExperimental: Bool
    let isActive: Bool
    let createdAt: Instant

    /// The model of instances without an assignment.
    static let production = ID<LabModel>(trusted: "01990000-0000-7000-8000-000000000210")
    static let productionVersion = "v2.1.0"
    static let experimentalVersion = "v2.2.0-beta"

    init(row: Row) throws {
        id = try row["id"]
        name = try row["name"]
        version = try row["version"]
        description = try row["description"]
        isExperimental = try row["is_experimental"]
        isActive = try row["is_active"]
        createdAt = try row["created_at"]
    }
}
