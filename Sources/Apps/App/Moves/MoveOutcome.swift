/// What was moved to another database.
package struct MoveOutcome: Sendable {
    package let tables: Int
    /// Of all tables.
    package let rows: Int
    /// Tables of the source that are not of this version, such as those of Litestream. They were not moved.
    package let leftTables: [String]
}
