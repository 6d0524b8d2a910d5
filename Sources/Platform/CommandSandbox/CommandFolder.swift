import Glibc

/// The folder of a command as it is once the command has ended. It may hold links, pipes, and names that are no text:
/// none of them is followed or opened.
package enum CommandFolder {
    /// A regular file.
    package struct File: Sendable, Hashable {
        /// Relative to the folder, with slashes between the names.
        package let path: String
        package let bytes: [UInt8]
    }

    /// Reads regular files. Everything else, and names that are not UTF-8, are left out.
    /// - Parameters:
    ///   - path: of the folder.
    ///   - filesMax: the number of files, and `bytesMax` of their bytes together.
    ///   - isWanted: whether a relative path is read, or entered where it is a folder.
    /// - Throws: ``CommandSandboxError/folder(reason:)`` beyond these bounds, and for what cannot be read.
    package static func files(
        in path: String, filesMax: Int, bytesMax: Int, where isWanted: (String) -> Bool
    ) throws(CommandSandboxError) -> [File] {
        guard let folder = OwnedDescriptor(path, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW) else {
            throw .folder(reason: String(cString: strerror(errno)))
        }
        var reading = Reading(filesMax: filesMax, bytesLeft: bytesMax)
        read(folder, prefix: "", isWanted, &reading)
        if let fault = reading.fault { throw fault }
        return reading.files.sorted { $0.path < $1.path }
    }

    private struct Reading {
        let filesMax: Int
        var bytesLeft: Int
        var files: [File] = []
        var fault: CommandSandboxError?

        /// Keeps the first reason.
        mutating func fail(_ reason: String) { fault = fault ?? .folder(reason: reason) }
    }

    private static func read(
        _ folder: OwnedDescriptor, prefix: String, _ isWanted: (String) -> Bool, _ reading: inout Reading
    ) {
        let isComplete = folder.forEachName { bytes in
            guard let name = String(validatingCString: bytes), isWanted(prefix + name) else { return true }
            read(bytes, in: folder, as: prefix + name, isWanted, &reading)
            return reading.fault == nil
        }
        if !isComplete { reading.fail("'\(prefix)' cannot be read") }
    }

    private static func read(
        _ name: UnsafePointer<CChar>, in folder: OwnedDescriptor, as path: String, _ isWanted: (String) -> Bool,
        _ reading: inout Reading
    ) {
        var status = stat()
        guard fstatat(folder.number, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { return }
        switch status.st_mode & S_IFMT {
        case S_IFDIR:
            let number = openat(folder.number, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            guard number >= 0 else { return reading.fail("'\(path)' cannot be read") }
            read(OwnedDescriptor(number), prefix: path + "/", isWanted, &reading)
        case S_IFREG:
            guard reading.files.count < reading.filesMax, Int(status.st_size) <= reading.bytesLeft else {
                return reading.fail("it holds more files or bytes than are accepted")
            }
            // Opening what has become a pipe does not wait.
            let number = openat(folder.number, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
            guard number >= 0, let bytes = contents(of: OwnedDescriptor(number), size: Int(status.st_size)) else {
                return reading.fail("'\(path)' cannot be read")
            }
            reading.bytesLeft -= bytes.count
            reading.files.append(File(path: path, bytes: bytes))
        default: return
        }
    }

    private static func contents(of file: OwnedDescriptor, size: Int) -> [UInt8]? {
        var isRead = true
        let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            while count < size {
                let read = Glibc.read(file.number, buffer.baseAddress?.advanced(by: count), size - count)
                if read < 0, errno == EINTR { continue }
                isRead = read >= 0
                guard read > 0 else { return }
                count += read
            }
        }
        return isRead ? bytes : nil
    }
}
