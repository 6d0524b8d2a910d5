import Glibc

/// The folder of a command: what is in it is measured, and belongs to the account that the command runs as.
final class WorkingFolder {
    private let directory: OwnedDescriptor
    private let limits: CommandLimits
    /// Free bytes and entries of the file system below which the command ends: half of what there was.
    private let floor: Free

    /// Folders within folders; each of them takes a descriptor while it is measured.
    private static let depthMax = 64

    private struct Free {
        var bytes: UInt
        var entries: UInt
    }

    /// - Throws: ``CommandSandboxError/folder(reason:)``.
    init(_ path: String, limits: CommandLimits) throws(CommandSandboxError) {
        guard let directory = OwnedDescriptor(path, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW) else {
            throw .folder(reason: String(cString: strerror(errno)))
        }
        self.directory = directory
        self.limits = limits
        let free = Self.free(directory.number)
        floor = Free(bytes: free.bytes / 2, entries: free.entries / 2)
        // The kernel lets only root change an owner.
        guard isWithinLimits(owner: geteuid() == 0 ? CommandSandbox.account : nil) else {
            throw .folder(reason: "it holds more than the limits allow, or what cannot be read")
        }
    }

    /// Whether the folder, and the file system that it is on, are within their limits.
    func isWithinLimits() -> Bool { isWithinLimits(owner: nil) }

    private func isWithinLimits(owner: UInt32?) -> Bool {
        let free = Self.free(directory.number)
        guard free.bytes >= floor.bytes, free.entries >= floor.entries else { return false }
        if let owner { fchown(directory.number, owner, owner) }
        var content = Content()
        return measure(directory, depth: 1, owner: owner, &content)
    }

    private struct Content {
        var bytes = 0
        var entries = 0
    }

    /// Adds what is in a folder, without following symbolic links: the command may replace anything meanwhile.
    /// - Returns: false beyond a limit, and where a folder cannot be read, which would hide what is in it.
    private func measure(_ folder: OwnedDescriptor, depth: Int, owner: UInt32?, _ content: inout Content) -> Bool {
        depth <= Self.depthMax
            && folder.forEachName { measure($0, in: folder, depth: depth, owner: owner, &content) }
    }

    private func measure(
        _ name: UnsafePointer<CChar>, in folder: OwnedDescriptor, depth: Int, owner: UInt32?, _ content: inout Content
    ) -> Bool {
        var status = stat()
        // Removed since the folder was read.
        guard fstatat(folder.number, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { return true }
        content.entries += 1
        content.bytes += Int(status.st_blocks) * 512
        guard content.entries <= limits.folderEntries, content.bytes <= limits.folderSize else { return false }
        let isFolder = status.st_mode & S_IFMT == S_IFDIR
        // A file with a second name may belong to something else.
        if let owner, status.st_uid != owner, isFolder || status.st_nlink == 1 {
            fchownat(folder.number, name, owner, owner, AT_SYMLINK_NOFOLLOW)
        }
        guard isFolder else { return true }
        let number = openat(folder.number, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard number >= 0 else { return [ENOENT, ENOTDIR, ELOOP].contains(errno) }
        return measure(OwnedDescriptor(number), depth: depth + 1, owner: owner, &content)
    }

    private static func free(_ descriptor: Int32) -> Free {
        var status = statvfs()
        guard fstatvfs(descriptor, &status) == 0 else { return Free(bytes: 0, entries: 0) }
        return Free(bytes: status.f_bavail * status.f_frsize, entries: status.f_favail)
    }
}
