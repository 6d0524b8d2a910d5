import Foundation

/// The disk refused: what was tried on which file, and the system's own reason.
package struct FileFault: Error, Sendable, Equatable, CustomStringConvertible {
    /// What was tried, as a verb: `open`, `read`, `write`, `map`, `rename`.
    package let operation: String
    /// The file it was tried on.
    package let path: String
    /// The system's `errno`.
    package let number: Int32

    /// What was tried and why it failed, in a sentence.
    package var description: String { "Cannot \(operation) \(path): \(String(cString: strerror(number)))." }

    init(_ operation: String, _ path: String, number: Int32 = errno) {
        self.operation = operation
        self.path = path
        self.number = number
    }
}
