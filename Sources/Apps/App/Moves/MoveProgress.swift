/// How far a move has come with a table.
package struct MoveProgress: Sendable {
    package enum Step: Sendable {
        /// Reads rows from the source and writes them to the target.
        case copying
        /// Reads the rows of the target and compares them with those of the source.
        case comparing
    }

    package let step: Step
    package let table: String
    /// The rows that were copied or compared so far, and all of the table.
    package let rows: Int
    package let total: Int
    package var isDone: Bool { rows == total }
}
