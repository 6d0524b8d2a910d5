import Foundation
import Modules

/// The folder of an installation's generated secrets, its files and, by default, its SQLite database.
struct DataFolder: Sendable {
    let path: String

    /// Creates the folder with mode 700 if it does not exist.
    init(_ path: String) throws {
        self.path = path
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    /// Whether a secret was generated before.
    func hasSecret(_ name: String) -> Bool { FileManager.default.fileExists(atPath: "\(path)/\(name).key") }

    /// A secret of 256 random bits, which is generated at the first start and read at every later one.
    /// - Throws: ``BrokenSecret``; an error of the file system.
    func secret(_ name: String, runtime: Runtime) throws -> String {
        let file = "\(path)/\(name).key"
        // Two processes may start at once: O_EXCL lets one of them create the file, and both read it.
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

    /// The file of a secret does not hold 64 characters.
    struct BrokenSecret: Error, CustomStringConvertible {
        let file: String
        var description: String {
            "The file \(file) is not a secret of this installation. "
                + "Restore it from a backup: without it sealed values cannot be read."
        }
    }
}
