import Foundation

/// An I/O error: the operation, the file and the `errno`.
package struct FileFault: Error, Sendable, Equatable, CustomStringConvertible {
    /// The operation: `open`, `read`, `write`, `map` or `rename`.
    package let operation: String
    /// The path of the file.
    package let path: String
    /// The `errno`.
    package let number: Int32

    package var description: String { "Cannot \(operation) \(path): \(String(cString: strerror(number)))." }

    init(_ operation: String, _ path: String, number: Int32 = errno) {
        self.operation = operation
        self.path = path
        self.number = number
    }
}

/// As `NSError` it is the POSIX error, so that a full disk is recognised as in the errors of Foundation.
extension FileFault: CustomNSError {
    package static var errorDomain: String { NSPOSIXErrorDomain }
    package var errorCode: Int { Int(number) }
}
