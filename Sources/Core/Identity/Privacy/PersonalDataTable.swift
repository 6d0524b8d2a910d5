package import Files
package import Modules

/// A table with personal data: what an export contains of it and how an erasure changes it.
///
/// ```swift
/// PersonalDataTable(
///     "training-models", in: "training_models", where: { "organisation_id IN \(list: $0.organisations)" },
///     showing: ["id", "file_name"])
/// ```
package struct PersonalDataTable: Sendable {
    /// The name in an export: lower-case words joined by hyphens.
    package let name: String
    package let table: String
    /// The rows to export, with a stable order; nil exports nothing.
    let selection: (@Sendable (DataSubject) -> SQL)?
    /// The files and folders that belong to the rows. They are exported and removed with them.
    let fileKeys: @Sendable (DataSubject, Transaction) throws -> [FileStore.Key]
    let erase: @Sendable (DataSubject, ID<Pseudonym>, Transaction) throws -> Void

    /// A table whose rows are deleted.
    /// - Parameters:
    ///   - condition: selects the rows to export.
    ///   - erased: selects the rows to delete; the default is `condition`.
    ///   - columns: the columns to export, as trusted SQL. Columns whose names end in `_at` contain times. An empty
    ///     list exports nothing.
    ///   - order: the columns that make the order of the rows stable, as trusted SQL.
    package init(
        _ name: String,
        in table: String,
        where condition: @escaping @Sendable (DataSubject) -> SQL,
        alsoErasing erased: (@Sendable (DataSubject) -> SQL)? = nil,
        showing columns: [String] = [],
        orderedBy order: String = "id",
        fileKeys: @escaping @Sendable (DataSubject, Transaction) throws -> [FileStore.Key] = { _, _ in [] }
    ) {
        var selection: (@Sendable (DataSubject) -> SQL)?
        if !columns.isEmpty {
            let head = "SELECT \(columns.joined(separator: ", ")) FROM \(table) WHERE "
            selection = { subject in SQL(trusted: head) + condition(subject) + SQL(trusted: " ORDER BY \(order)") }
        }
        let isErased = erased ?? condition
        self.init(name, in: table, selection: selection, fileKeys: fileKeys) { subject, _, transaction in
            try transaction.execute(SQL(trusted: "DELETE FROM \(table) WHERE ") + isErased(subject))
        }
    }

    /// A table whose rows are not simply deleted.
    /// - Parameter erase: removes the personal data; remaining rows name the pseudonym instead of the person.
    package init(
        _ name: String,
        in table: String,
        selection: (@Sendable (DataSubject) -> SQL)? = nil,
        fileKeys: @escaping @Sendable (DataSubject, Transaction) throws -> [FileStore.Key] = { _, _ in [] },
        erase: @escaping @Sendable (DataSubject, ID<Pseudonym>, Transaction) throws -> Void
    ) {
        self.name = name
        self.table = table
        self.selection = selection
        self.fileKeys = fileKeys
        self.erase = erase
    }
}
