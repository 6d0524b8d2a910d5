import Foundation
import Modules

/// The folder where an installation keeps what it generated for itself.
struct DataFolder: Sendable {
    let path: String

    /// Makes the folder if it is missing, readable by its owner alone.
    init(_ path: String) throws {
        self.path = path
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    /// A secret of 256 random bits: made once, and the same after every restart.
    func secret(_ name: String, runtime: Runtime) throws -> String {
        let file = "\(path)/\(name).key"
        // Two processes may start at once: whoever makes the file first decides, and both read it.
        let descriptor = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        if descriptor >= 0 {
            let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
            try handle.write(contentsOf: Data(Hex.encode(runtime.randomBytes(32)).utf8))
            try handle.synchronize()
            try handle.close()
        }
        let text = try String(contentsOfFile: file, encoding: .utf8)
        guard text.utf8.count == 64 else { throw BrokenSecret(file: file) }
        return text
    }

    /// A secret's file that does not hold what was written.
    struct BrokenSecret: Error, CustomStringConvertible {
        let file: String
        var description: String {
            "The file \(file) is not a secret of this installation. Restore it from a backup: without it sealed values cannot be read."
        }
    }
}
