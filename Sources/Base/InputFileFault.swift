import Foundation

/// Why a file is not read.
package enum InputFileFault: Error, Sendable, Hashable, CustomStringConvertible {
    case cannotOpen(String, errno: Int32)
    case cannotRead(String)
    case notRegular(String)
    case tooLarge(String, bytesMax: Int)

    package var description: String {
        switch self {
        case .cannotOpen(let path, ENOENT): "\(path) does not exist."
        case .cannotOpen(let path, let number): "\(path) cannot be opened: \(String(cString: strerror(number)))."
        case .cannotRead(let path): "\(path) cannot be read."
        case .notRegular(let path): "\(path) is not a regular file."
        case .tooLarge(let path, let bytesMax): "\(path) has more than \(bytesMax) bytes."
        }
    }
}
