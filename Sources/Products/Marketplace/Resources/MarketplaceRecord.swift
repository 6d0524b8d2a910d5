import Identity
import Modules

/// A free-form record: a JSON object whose form is the client's.
struct MarketplaceRecord: Sendable {
    let id: ID<MarketplaceRecord>
    let organisation: ID<Organisation>
    let person: ID<Person>
    let kind: RecordKind
    let members: [String: JSONValue]
    let createdAt: Instant
    let updatedAt: Instant

    init(row: Row) throws {
        id = try row["id"]
        organisation = try row["organisation_id"]
        person = try row["person_id"]
        kind = try row["kind"]
        members = try StoredJSON.value(row["data"]).object ?? [:]
        createdAt = try row["created_at"]
        updatedAt = try row["updated_at"]
    }

    /// The members with those of the server.
    var value: JSONValue {
        .object(
            members.merging([
                "id": .string(id.text), "organisation_id": .string(organisation.text), "user_id": .string(person.text),
                "created_at": .string(createdAt.description), "updated_at": .string(updatedAt.description),
            ]) { $1 })
    }

    /// Members that the server sets.
    static let serverMembers: Set<String> = [
        "id", "organisation_id", "user_id", "owner_id", "created_by", "created_at", "updated_at", "is_own",
    ]
    static let membersMax = 100
    static let bytesMax = 16 << 10

    /// Checks the members that a client has sent.
    /// - Throws: `validation-failed`.
    static func check(_ members: [String: JSONValue]) throws(Problem) {
        guard members.count <= membersMax else { throw Problem.invalid("", "must have at most \(membersMax) members") }
        for name in members.keys {
            guard !serverMembers.contains(name) else {
                throw Problem.invalid(Problem.Fault.step(name), "is set by the server")
            }
            guard (1...64).contains(name.unicodeScalars.count) else {
                throw Problem.invalid("", "has a member whose name is not 1 to 64 characters long")
            }
        }
        try FreeForm.check(.object(members), at: "", bytesMax: bytesMax)
    }

    /// The members that lists are filtered and sorted by: texts, numbers and truth values.
    static func fields(of members: [String: JSONValue]) -> [(name: String, value: String)] {
        members.sorted { $0.key < $1.key }.compactMap { name, value in text(of: value).map { (name, $0) } }
    }

    /// As a filter in a query spells it.
    private static func text(of value: JSONValue) -> String? {
        switch value {
        case .string(let text): String(text.prefix(255))
        case .integer(let number): String(number)
        case .number, .decimal: DecimalNumber(json: value)?.description
        case .bool(let value): value ? "true" : "false"
        case .null, .array, .object: nil
        }
    }

    /// What searches look into: the texts at any depth.
    static func searchText(of value: JSONValue) -> String {
        switch value {
        case .string(let text): text.lowercased()
        case .array(let elements): elements.map(searchText).joined(separator: "\n")
        case .object(let members):
            members.sorted { $0.key < $1.key }.map { searchText(of: $0.value) }.joined(separator: "\n")
        default: ""
        }
    }
}
