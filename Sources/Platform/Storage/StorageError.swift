/// A database error, in kinds that both engines share.
package struct StorageError: Error, CustomStringConvertible {
    package enum Kind: Sendable, Hashable {
        /// A UNIQUE or PRIMARY KEY constraint.
        case duplicate
        /// A FOREIGN KEY constraint.
        case reference
        /// A CHECK or NOT NULL constraint.
        case check
        /// A conflict with another transaction; a retry may succeed (SQLSTATE 40001 and 40P01, SQLITE_BUSY).
        case serialization
        /// The statement was cancelled by its timeout or by its caller.
        case cancelled
        /// The disk is full.
        case full
        /// The file of the database was removed, renamed or replaced while it was open.
        case fileReplaced
        /// The file of the database is damaged (SQLITE_CORRUPT, SQLITE_NOTADB).
        case damaged
        /// The connection was lost; the transaction was rolled back.
        case connectionLost
        /// The connection was lost during COMMIT and the outcome could not be determined since.
        case outcomeUnknown
        /// No connection became free in time, or the queue of transactions is full.
        case overloaded
        case other
    }

    package let kind: Kind
    /// SQLSTATE, or SQLite's extended result code.
    package let code: String
    package let message: String

    package init(_ kind: Kind, code: String, message: String) {
        self.kind = kind
        self.code = code
        self.message = message
    }

    package var description: String { "\(kind) [\(code)] \(message)" }
}
