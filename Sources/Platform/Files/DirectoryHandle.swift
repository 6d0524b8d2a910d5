import CFiles
import Foundation

/// An open directory. Paths below it are opened without following symbolic links, also where other programs rename
/// entries and put links in their places meanwhile: no path leaves the directory.
///
/// All methods block.
package final class DirectoryHandle: Sendable {
    /// How paths are opened.
    package enum Resolution: Sendable, CaseIterable {
        /// The kernel resolves the whole path (openat2(2), since Linux 5.6).
        case whole
        /// Each name by itself (openat(2) with O_NOFOLLOW): on kernels without openat2, and where a filter of system
        /// calls refuses it.
        case byName
    }

    package let descriptor: Int32
    private let resolution: Resolution

    /// Whether the kernel has openat2 is found once.
    private static let supported: Resolution = {
        let descriptor = gatehouse_open_beneath(AT_FDCWD, ".", O_RDONLY | O_DIRECTORY, 0)
        guard descriptor >= 0 else { return .byName }
        close(descriptor)
        return .whole
    }()

    /// - Parameters:
    ///   - path: of the program: symbolic links of it are followed.
    ///   - resolution: nil for what the kernel supports.
    /// - Throws: ``FileStore/Failure``.
    package convenience init(_ path: String, resolution: Resolution? = nil) throws {
        let descriptor = Foundation.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        try FileStore.check(descriptor, "open")
        self.init(owning: descriptor, resolution ?? Self.supported)
    }

    private init(owning descriptor: Int32, _ resolution: Resolution) {
        (self.descriptor, self.resolution) = (descriptor, resolution)
    }

    deinit { close(descriptor) }

    /// Opens what is at a path.
    /// - Parameters:
    ///   - names: none for the directory itself; none of them is empty, `.` or `..`, or has a slash.
    ///   - flags: as of open(2).
    /// - Returns: a descriptor, which the caller closes.
    /// - Throws: ``FileStore/Failure`` with ELOOP or ENOTDIR where a name is a symbolic link.
    package func open(_ names: [String], _ flags: Int32) throws -> Int32 {
        precondition(names.allSatisfy(Self.isName), "a path below a directory has names alone")
        let descriptor =
            switch resolution {
            case .whole:
                gatehouse_open_beneath(
                    descriptor, names.isEmpty ? "." : names.joined(separator: "/"), flags | O_NOFOLLOW, 0)
            case .byName: try openByName(names, flags | O_NOFOLLOW | O_CLOEXEC)
            }
        try FileStore.check(descriptor, "open")
        return descriptor
    }

    private func openByName(_ names: [String], _ flags: Int32) throws -> Int32 {
        guard let last = names.last else { return openat(descriptor, ".", flags) }
        var parent = self
        for name in names.dropLast() {
            let next = openat(parent.descriptor, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            try FileStore.check(next, "open")
            parent = DirectoryHandle(owning: next, resolution)
        }
        return withExtendedLifetime(parent) { openat(parent.descriptor, last, flags) }
    }

    /// Opens a directory below this one.
    package func directory(_ names: [String]) throws -> DirectoryHandle {
        DirectoryHandle(owning: try open(names, O_RDONLY | O_DIRECTORY), resolution)
    }

    private static func isName(_ name: String) -> Bool {
        !name.isEmpty && name != "." && name != ".." && !name.utf8.contains { $0 == UInt8(ascii: "/") || $0 == 0 }
    }
}

// MARK: Entries

extension DirectoryHandle {
    /// What an entry is, without following a symbolic link.
    package struct Status: Sendable {
        package enum Kind: Sendable { case file, directory, other }

        package let kind: Kind
        /// Of a file.
        package let bytes: Int64
        package let permissions: UInt32
        /// In nanoseconds since 1970.
        package let modified: Int64
        package let inode: UInt64

        init(_ status: stat) {
            kind =
                switch status.st_mode & S_IFMT {
                case S_IFREG: .file
                case S_IFDIR: .directory
                default: .other
                }
            bytes = Int64(status.st_size)
            permissions = UInt32(status.st_mode & 0o7777)
            modified = Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
            inode = UInt64(status.st_ino)
        }

        /// Of an open file.
        package init(of descriptor: Int32) throws {
            var status = stat()
            try FileStore.check(fstat(descriptor, &status), "find")
            self.init(status)
        }
    }

    /// - Returns: nil where there is no such entry.
    package func status(of name: UnsafePointer<CChar>) throws -> Status? {
        var status = stat()
        guard fstatat(descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
            guard errno == ENOENT else { throw FileStore.Failure(verb: "find", code: errno) }
            return nil
        }
        return Status(status)
    }

    /// When an entry was created, in microseconds since 1970; nil where the file system does not tell.
    package func creationTime(of name: String) -> Int64? {
        let time = gatehouse_creation_time(descriptor, name)
        return time < 0 ? nil : time
    }

    /// The names of the entries that are text, in no order.
    /// - Parameter limit: how many are read; one more is ``TooManyEntries``.
    package func names(limit: Int) throws -> [String] {
        try allNames(limit: limit).compactMap { name in
            name.withUnsafeBufferPointer { $0.baseAddress.flatMap { String(validatingCString: $0) } }
        }
    }

    package struct TooManyEntries: Error {}

    /// Creates a directory with mode 700.
    package func makeDirectory(_ name: String) throws {
        try FileStore.check(mkdirat(descriptor, name, 0o700), "create")
    }

    /// Moves an entry to where there is none.
    /// - Throws: ``FileStore/Failure`` with EEXIST where there is one.
    package func move(_ name: String, to newName: String, in target: DirectoryHandle) throws {
        guard gatehouse_rename_new(descriptor, name, target.descriptor, newName) != 0 else { return }
        let code = errno
        guard code == EINVAL else { throw FileStore.Failure(verb: "move", code: code) }
        // Some network file systems cannot do both in one step. A folder cannot be moved into itself either.
        guard try target.status(of: newName) == nil else { throw FileStore.Failure(verb: "move", code: EEXIST) }
        try FileStore.check(renameat(descriptor, name, target.descriptor, newName), "move")
    }

    /// Moves an entry, and replaces a file there.
    package func replace(_ name: String, to newName: String, in target: DirectoryHandle) throws {
        try FileStore.check(renameat(descriptor, name, target.descriptor, newName), "move")
    }

    /// Removes a file, or a symbolic link.
    package func removeFile(_ name: UnsafePointer<CChar>) throws {
        try FileStore.check(unlinkat(descriptor, name, 0), "remove")
    }

    /// Removes an entry with all that is below it.
    package func removeAll(_ name: String) throws { try removeAll(name, depth: 0) }

    /// Makes changes of entries durable.
    package func synchronize() throws { try FileStore.check(fsync(descriptor), "sync") }

    /// Entries below a directory, and the bytes of the files among them.
    package struct Size: Sendable, Equatable {
        package var entries: Int64
        package var bytes: Int64

        package init(entries: Int64 = 0, bytes: Int64 = 0) { (self.entries, self.bytes) = (entries, bytes) }
    }

    /// The size of what is below this directory.
    /// - Parameter limit: how many entries are counted; more are ``TooManyEntries``.
    package func measure(limit: Int) throws -> Size {
        var size = Size()
        try measure(&size, limit: limit, depth: 0)
        return size
    }

    private func measure(_ size: inout Size, limit: Int, depth: Int) throws {
        guard depth < Self.depthMax else { throw TooManyEntries() }
        for name in try allNames(limit: limit - Int(size.entries)) {
            guard size.entries < limit else { throw TooManyEntries() }
            guard let status = try status(of: name) else { continue }
            size.entries += 1
            switch status.kind {
            case .file: size.bytes += status.bytes
            case .directory:
                // It may have been removed, or have become something else.
                try entered(name)?.measure(&size, limit: limit, depth: depth + 1)
            case .other: break
            }
        }
    }

    private func removeAll(_ name: UnsafePointer<CChar>, depth: Int) throws {
        guard depth < Self.depthMax else { throw TooManyEntries() }
        if try status(of: name)?.kind == .directory {
            // A program may have taken the permissions away, which its owner needs to read it.
            fchmodat(descriptor, name, 0o700, 0)
            if let child = entered(name) {
                for entry in try child.allNames(limit: .max) { try child.removeAll(entry, depth: depth + 1) }
            }
            if unlinkat(descriptor, name, AT_REMOVEDIR) == 0 || errno == ENOENT { return }
        }
        if unlinkat(descriptor, name, 0) != 0, errno != ENOENT {
            throw FileStore.Failure(verb: "remove", code: errno)
        }
    }

    /// Directories within directories; each takes a descriptor.
    private static let depthMax = 128

    /// A directory of this one; nil for a symbolic link, and for anything that cannot be read.
    private func entered(_ name: UnsafePointer<CChar>) -> DirectoryHandle? {
        let child = openat(descriptor, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        return child < 0 ? nil : DirectoryHandle(owning: child, resolution)
    }

    /// The names of the entries, with the byte 0 that ends them; programs may give names that are no text.
    private func allNames(limit: Int) throws -> [[CChar]] {
        // The position in a directory belongs to the open file, which other threads may be reading.
        let own = try open([], O_RDONLY | O_DIRECTORY)
        guard let stream = fdopendir(own) else {
            let code = errno
            close(own)
            throw FileStore.Failure(verb: "read", code: code)
        }
        defer { closedir(stream) }
        var names: [[CChar]] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { name in
                name.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) {
                    Array(UnsafeBufferPointer(start: $0, count: strlen($0) + 1))
                }
            }
            guard name != [46, 0], name != [46, 46, 0] else { continue }
            guard names.count < limit else { throw TooManyEntries() }
            names.append(name)
        }
        return names
    }
}
