/// What a database said no to, in terms that both engines share.
package struct StorageError: Error, CustomStringConvertible {
    package enum Kind: Sendable, Hashable {
        /// A UNIQUE or PRIMARY KEY constraint.
        case duplicate
        /// A FOREIGN KEY constraint.
        case reference
        /// A CHECK or NOT NULL constraint.
        case check
        /// Another transaction came between; the same work may pass when done again (SQLSTATE 40001 and 40P01, SQLITE_BUSY).
        case serialization
        /// The statement was stopped because it took too long or its caller left.
        case cancelled
        /// No room left on the disk.
        case full
        /// The connection is gone; nothing of the transaction remains.
        case connectionLost
        /// The connection was lost while the commit was under way and the database could not be asked since: it may or may not have happened.
        case outcomeUnknown
        /// No connection became free in time, or the queue of writes is full.
        case overloaded
        case other
    }

    package let kind: Kind
    /// The engine's own code: SQLSTATE, or SQLite's extended result code.
    package let code: String
    package let message: String

    package init(_ kind: Kind, code: String, message: String) {
        self.kind = kind
        self.code = code
        self.message = message
    }

    package var description: String { "\(kind) [\(code)] \(message)" }
}
