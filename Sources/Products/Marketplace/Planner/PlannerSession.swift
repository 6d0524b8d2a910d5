import Identity
import Modules

/// The conversation of an organizer with the planner, and the plan that came of it.
struct PlannerSession: Sendable {
    let id: ID<PlannerSession>
    let organisation: ID<Organisation>
    let person: ID<Person>
    /// The client's name of the session, unique in the organisation.
    let key: String
    let brief: JSONValue
    /// The newest, at most ``messagesMax``.
    let messages: [JSONValue]
    let plan: JSONValue?
    let iterations: Int64
    let layoutApprovedAt: Instant?
    let createdAt: Instant
    let updatedAt: Instant

    static let messagesMax = 60
    /// Sessions of one organisation.
    static let countMax: Int64 = 1_000
    /// Deleted after 180 days without a change.
    static let retention = Duration.days(180)

    init(row: Row) throws {
        id = try row["id"]
        organisation = try row["organisation_id"]
        person = try row["person_id"]
        key = try row["key"]
        brief = try StoredJSON.value(row["brief"])
        messages = try StoredJSON.value(row["messages"]).array ?? []
        plan = try (row["plan"] as String?).map { try StoredJSON.value($0) }
        iterations = try row["iterations"]
        layoutApprovedAt = try row["layout_approved_at"]
        createdAt = try row["created_at"]
        updatedAt = try row["updated_at"]
    }
}
