import CSandbox
import Glibc

/// A file descriptor that is closed with its owner. Programs that are started do not inherit it.
final class OwnedDescriptor: Sendable {
    let number: Int32

    init(_ number: Int32) { self.number = number }
    deinit { close(number) }

    /// A file in memory, at its start.
    /// - Parameter isFixed: whether it can be read only.
    convenience init(memory bytes: [UInt8], isFixed: Bool = true) throws(CommandSandboxError) {
        let number = bytes.withUnsafeBytes { gatehouse_memory_file($0.baseAddress, $0.count, isFixed ? 1 : 0) }
        guard number >= 0 else { throw .system(call: "memfd_create", code: errno) }
        self.init(number)
    }

    /// A file of a process or of the system, relative to a folder.
    /// - Returns: nil where it cannot be opened; the reason is `errno`.
    convenience init?(_ path: String, in folder: Int32 = AT_FDCWD, flags: Int32) {
        let number = openat(folder, path, flags | O_CLOEXEC)
        guard number >= 0 else { return nil }
        self.init(number)
    }

    /// Calls `body` with each name in this folder, but the folder itself and its parent, until it returns false. Names
    /// are bytes: as a string, invalid UTF-8 would become another name.
    /// - Returns: false where `body` returned it, or the folder cannot be read.
    func forEachName(_ body: (UnsafePointer<CChar>) -> Bool) -> Bool {
        // A descriptor of its own, as the position belongs to the descriptor; the stream closes it.
        let copy = openat(number, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard copy >= 0 else { return false }
        guard let stream = fdopendir(copy) else {
            close(copy)
            return false
        }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            let goesOn = withUnsafePointer(to: &entry.pointee.d_name) { name in
                name.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) {
                    strcmp($0, ".") == 0 || strcmp($0, "..") == 0 || body($0)
                }
            }
            guard goesOn else { return false }
        }
        return true
    }
}
