import Identity
import Modules

/// A kind of rows that clients list, search, read, create, change and delete by the generic endpoints. It declares its
/// fields, and who may do what; ``ResourceService`` does the work for all of them.
protocol Resource: Sendable {
    /// The type of its ids.
    associatedtype Subject
    /// The segment of its paths, such as `service-providers`.
    static var name: String { get }
    /// In the summaries of its endpoints, such as `a venue`.
    static var article: String { get }
    static var table: SQL { get }
    /// Without `id`, `organisation_id`, `person_id`, `created_at` and `updated_at`, which every table has.
    static var fields: [ResourceField] { get }
    /// The account roles that create one; empty for every account. Administrators may always.
    static var creators: [Role] { get }
    /// The condition of the rows that callers of other organisations read.
    static func isPublic(for scope: Scope) -> SQL
    /// Completes and checks a new row. Its organisation is locked.
    static func check(new row: inout ResourceDraft, by scope: Scope, in transaction: Transaction) throws
    /// Completes and checks the changes of a row that is locked.
    static func check(
        _ changes: inout ResourceDraft, of row: ResourceRow<Self>, by scope: Scope, in transaction: Transaction) throws
    /// Whether a caller of another organisation may delete a row.
    static func mayDelete(_ row: ResourceRow<Self>, by scope: Scope) throws -> Bool
    /// Checks whether a row may be deleted, and deletes what depends on it.
    static func checkDeletion(of row: ResourceRow<Self>, by scope: Scope, in transaction: Transaction) throws
    /// The problems of the checks besides ``sharedProblems``.
    static var problems: [Problem.Kind] { get }
}

extension Resource {
    static var creators: [Role] { [] }
    static func isPublic(for scope: Scope) -> SQL { "1 = 0" }
    static func check(new row: inout ResourceDraft, by scope: Scope, in transaction: Transaction) throws {}
    static func check(
        _ changes: inout ResourceDraft, of row: ResourceRow<Self>, by scope: Scope, in transaction: Transaction
    ) throws {}
    static func mayDelete(_ row: ResourceRow<Self>, by scope: Scope) throws -> Bool { false }
    static func checkDeletion(of row: ResourceRow<Self>, by scope: Scope, in transaction: Transaction) throws {}

    static var problems: [Problem.Kind] { [] }
    /// The problems that any resource may have.
    static var sharedProblems: [Problem.Kind] { [.alreadyExists, .inUse, .tooMany, .vendorNotApproved, .eventState] }
    /// What endpoints that change rows declare.
    static var declaredProblems: [Problem.Kind] { sharedProblems + problems }

    static func field(_ name: String) -> ResourceField? { fields.first { $0.name == name } }
}

/// The values of a row that is created or changed.
struct ResourceDraft: Sendable {
    /// What the client has sent, by field.
    let sent: [String: JSONValue]
    /// By column.
    var columns: [String: SQL.Value]

    /// Sets a column, also one that clients do not set.
    mutating func set(_ column: String, _ value: (some SQLBindable)?) { columns[column] = value?.sqlValue ?? .null }

    func id<Subject>(_ column: String, of _: Subject.Type = Subject.self) -> ID<Subject>? {
        guard case .text(let text) = columns[column] else { return nil }
        return ID(text)
    }

    func text(_ column: String) -> String? {
        if case .text(let text) = columns[column] { text } else { nil }
    }

    func integer(_ column: String) -> Int64? {
        if case .integer(let number) = columns[column] { number } else { nil }
    }
}

/// A row of a resource.
struct ResourceRow<R: Resource>: Sendable {
    let id: ID<R.Subject>
    let organisation: ID<Organisation>
    let person: ID<Person>
    let row: Row

    init(row: Row) throws {
        id = try row["id"]
        organisation = try row["organisation_id"]
        person = try row["person_id"]
        self.row = row
    }

    /// The row in JSON.
    /// - Parameter isOwn: whether the caller belongs to its organisation, or is an administrator.
    func value(isOwn: Bool) throws -> JSONValue {
        var members: [String: JSONValue] = [
            "id": .string(id.text), "is_own": .bool(isOwn),
            "created_at": .string((try row["created_at"] as Instant).description),
            "updated_at": .string((try row["updated_at"] as Instant).description),
        ]
        if isOwn {
            members["organisation_id"] = .string(organisation.text)
            members["user_id"] = .string(person.text)
        }
        for field in R.fields where isOwn || !field.use.contains(.own) {
            for (name, value) in try field.members(of: row) { members[name] = value }
        }
        return .object(members)
    }
}
