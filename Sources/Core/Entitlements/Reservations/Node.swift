/// A process that shares the database, identified by its name and start.
package struct Node: Sendable, Hashable {
    /// Set by the configuration; unchanged across restarts.
    package let name: String
    /// Counts the starts under this name, from 1.
    package let epoch: Int64
}
