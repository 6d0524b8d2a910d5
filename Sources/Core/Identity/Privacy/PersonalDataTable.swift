package import Files
package import Modules

/// Who holds data about people says here what it is, so that it can be taken along and forgotten without anybody above knowing where it lies.
package protocol PersonalDataProvider: Sendable {
    /// In the order in which they can be erased: what refers to something comes before it.
    var holdings: [PersonalDataTable] { get }
}

/// Somebody, and the organisations that nobody else belongs to: what is in those goes where they go.
package struct DataSubject: Sendable {
    package let person: ID<Person>
    package let organisations: [ID<Organisation>]
}

/// A random id that stands in somebody's place after they have been erased.
package struct Pseudonym: Sendable {}

/// One kind of thing that the system keeps about people, and what becomes of it.
///
/// ```swift
/// Holding("training-models", in: "training_models", where: { "organisation_id IN \(list: $0.organisations)" }, showing: ["id", "file_name"])
/// ```
package struct PersonalDataTable: Sendable {
    /// What it is called in an export: lower-case words joined by hyphens.
    package let name: String
    /// The table that it speaks for.
    package let table: String
    /// The rows to take along, in order; nil for what says nothing to the person.
    let selection: (@Sendable (DataSubject) -> SQL)?
    /// The files and folders that belong to the rows. They are taken along, and go with them.
    let places: @Sendable (DataSubject, Transaction) throws -> [FileStore.Key]
    let erase: @Sendable (DataSubject, ID<Pseudonym>, Transaction) throws -> Void

    /// Rows that are shown to their person and deleted with them.
    /// - Parameters:
    ///   - condition: which rows are theirs.
    ///   - erased: which rows go with them, where those are more.
    ///   - columns: SQL that comes from the program itself. Names that end in `_at` hold times. None: the rows are not taken along.
    ///   - order: makes the order of the rows the same each time.
    package init(
        _ name: String,
        in table: String,
        where condition: @escaping @Sendable (DataSubject) -> SQL,
        alsoErasing erased: (@Sendable (DataSubject) -> SQL)? = nil,
        showing columns: [String] = [],
        orderedBy order: String = "id",
        places: @escaping @Sendable (DataSubject, Transaction) throws -> [FileStore.Key] = { _, _ in [] }
    ) {
        var selection: (@Sendable (DataSubject) -> SQL)?
        if !columns.isEmpty {
            let head = "SELECT \(columns.joined(separator: ", ")) FROM \(table) WHERE "
            selection = { subject in SQL(trusted: head) + condition(subject) + SQL(trusted: " ORDER BY \(order)") }
        }
        let isGone = erased ?? condition
        self.init(name, in: table, selection: selection, places: places) { subject, _, transaction in
            try transaction.execute(SQL(trusted: "DELETE FROM \(table) WHERE ") + isGone(subject))
        }
    }

    /// Rows that are not simply deleted.
    /// - Parameter erase: takes out of the rows what tells of the person; what stays names the pseudonym in their place.
    package init(
        _ name: String,
        in table: String,
        selection: (@Sendable (DataSubject) -> SQL)? = nil,
        places: @escaping @Sendable (DataSubject, Transaction) throws -> [FileStore.Key] = { _, _ in [] },
        erase: @escaping @Sendable (DataSubject, ID<Pseudonym>, Transaction) throws -> Void
    ) {
        self.name = name
        self.table = table
        self.selection = selection
        self.places = places
        self.erase = erase
    }
}

extension Row {
    /// As an export shows it: times in words instead of microseconds.
    var exported: JSONValue {
        var members: [String: JSONValue] = [:]
        for (name, value) in zip(columns.names, values) {
            switch value {
            case .null: members[name] = .null
            case .integer(let number) where name == "at" || name.hasSuffix("_at") || name.hasSuffix("_start"):
                members[name] = .string(Instant(microseconds: number).description)
            case .integer(let number): members[name] = .integer(number)
            case .real(let number): members[name] = .number(number)
            case .text(let text): members[name] = .string(text)
            }
        }
        return .object(members)
    }
}
