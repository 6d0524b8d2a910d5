import Files
import Foundation
import Identity
import Modules
import NIOCore

/// The workspace of an organisation: a folder of the file store. Tools of the organisation may read and change it as a
/// folder, so nothing of it is believed: paths are opened below a handle of the folder, without following links.
///
/// All methods block.
struct WorkspaceFolder: Sendable {
    let store: FileStore
    let organisation: ID<Organisation>

    static func key(of organisation: ID<Organisation>) -> FileStore.Key {
        FileStore.Key("workspaces", organisation.text)
    }

    /// The folder of files that arrive, and of folders that are being removed.
    static let scratch = FileStore.Key("workspaces").asScratch
    static func scratch(_ name: String) -> FileStore.Key { FileStore.Key("workspaces", name).asScratch }

    /// Entries of a folder, and of a workspace, that are read.
    static let entriesMax = 20_000

    /// A file or folder of a list.
    struct Entry: Sendable {
        let name: String
        let status: DirectoryHandle.Status
        let createdAt: Instant
    }

    /// A file that is open for reading.
    struct Opened: Sendable {
        let file: OpenFile
        let name: String
        let bytes: Int64
        /// Differs between contents of the file.
        let version: String
    }

    // MARK: Reading

    /// The files and folders of a folder by their names; links, pipes and sockets are left out.
    func list(_ path: WorkspacePath, limit: Int, offset: Int) throws -> (entries: [Entry], total: Int) {
        try mapped {
            let root = try root()
            let directory = try folder(try spelled(path.names, in: root), in: root)
            let found = try directory.names(limit: Self.entriesMax).compactMap {
                name -> (String, DirectoryHandle.Status)? in
                guard let status = try directory.status(of: name), status.kind != .other else { return nil }
                return (name, status)
            }
            let page = found.sorted { $0.0 < $1.0 }.dropFirst(offset).prefix(limit).map { name, status in
                let modified = status.modified / 1_000
                return Entry(
                    name: name, status: status,
                    createdAt: Instant(microseconds: directory.creationTime(of: name) ?? modified))
            }
            return (page, found.count)
        }
    }

    func open(_ path: WorkspacePath) throws -> Opened {
        guard let name = path.name else { throw Problem(.notAWorkspaceFile) }
        return try mapped {
            let root = try root()
            // Opening a pipe does not wait.
            let descriptor = try root.open(try spelled(path.names, in: root), O_RDONLY | O_NONBLOCK)
            let file = OpenFile(owning: descriptor)
            return try withExtendedLifetime(file) {
                let status = try DirectoryHandle.Status(of: descriptor)
                guard status.kind == .file else { throw Problem(.notAWorkspaceFile) }
                let parts = [status.inode, UInt64(bitPattern: status.modified), UInt64(bitPattern: status.bytes)]
                return Opened(
                    file: file, name: name, bytes: status.bytes,
                    version: parts.map { String($0, radix: 16) }.joined(separator: "-"))
            }
        }
    }

    /// The bytes of a file of at most `bytesMax`.
    func read(_ path: WorkspacePath, bytesMax: Int64) throws -> [UInt8] {
        let opened = try open(path)
        guard opened.bytes <= bytesMax else {
            throw Problem(
                .workspaceFileTooLarge,
                detail: "The file has \(opened.bytes) bytes, of which at most \(bytesMax) are read. Download it.")
        }
        var bytes: [UInt8] = []
        while Int64(bytes.count) < opened.bytes {
            bytes += Array(buffer: try opened.file.read(Int(opened.bytes) - bytes.count, at: Int64(bytes.count)))
        }
        return bytes
    }

    // MARK: Changes

    /// Gives a file that has arrived its path, in place of a file there. Missing folders are created.
    /// - Parameters:
    ///   - arrival: its name in ``scratch``.
    ///   - bytes: its size.
    /// - Returns: how much larger the workspace is.
    func put(_ arrival: String, bytes: Int64, at path: WorkspacePath) throws -> DirectoryHandle.Size {
        try changing { root in
            let spelled = try spelled(path.names, in: root)
            guard let name = spelled.last else { throw Problem(.notAWorkspaceFile) }
            let (parent, created) = try folders(Array(spelled.dropLast()), in: root)
            let present = try parent.status(of: name)
            if present?.kind == .directory { throw Problem(.notAWorkspaceFile, detail: "The path names a directory.") }
            let arrivals = try store.directory(Self.scratch)
            try store.change(name, in: parent, at: storePath(spelled)) {
                try arrivals.replace(arrival, to: name, in: parent)
            }
            try parent.synchronize()
            let replaced = present?.kind == .file ? present?.bytes ?? 0 : 0
            return DirectoryHandle.Size(entries: created + (present == nil ? 1 : 0), bytes: bytes - replaced)
        }
    }

    /// Creates a folder, and missing ones that it is in.
    /// - Returns: how much larger the workspace is.
    func makeFolder(_ path: WorkspacePath) throws -> DirectoryHandle.Size {
        try changing { root in
            let spelled = try spelled(path.names, in: root)
            guard let name = spelled.last else { throw Problem(.workspaceFileExists) }
            let (parent, created) = try folders(Array(spelled.dropLast()), in: root)
            try parent.makeDirectory(name)
            try parent.synchronize()
            return DirectoryHandle.Size(entries: created + 1)
        }
    }

    /// Moves a file or folder to a path where there is nothing.
    /// - Returns: how much larger the workspace is: by the folders that were missing.
    func move(_ source: WorkspacePath, to target: WorkspacePath) throws -> DirectoryHandle.Size {
        try changing { root in
            let (from, to) = (try spelled(source.names, in: root), try spelled(target.names, in: root))
            guard let name = from.last, let newName = to.last else { throw Problem(.workspacePathDenied) }
            let parent = try folder(Array(from.dropLast()), in: root)
            guard let status = try parent.status(of: name) else { throw Problem(.workspaceFileNotFound) }
            if status.kind != .directory { try target.requireWritableFile() }
            guard !to.starts(with: from) else { throw Problem(.workspaceFileExists) }
            let (newParent, created) = try folders(Array(to.dropLast()), in: root)
            if status.kind == .directory {
                try store.withoutBackup { try parent.move(name, to: newName, in: newParent) }
            } else {
                try store.change(name, in: parent, at: storePath(from)) {
                    try parent.move(name, to: newName, in: newParent)
                }
            }
            try newParent.synchronize()
            try parent.synchronize()
            return DirectoryHandle.Size(entries: created)
        }
    }

    /// Removes a file, or a folder with all that is in it.
    /// - Parameter name: in ``scratch``, of a folder while it is being removed.
    /// - Returns: how much larger the workspace is: negative numbers.
    func remove(_ path: WorkspacePath, as scratchName: String) throws -> DirectoryHandle.Size {
        let (size, isFolder) = try changing { root -> (DirectoryHandle.Size, Bool) in
            let spelled = try spelled(path.names, in: root)
            guard let name = spelled.last else { throw Problem(.workspacePathDenied, detail: "A workspace remains.") }
            let parent = try folder(Array(spelled.dropLast()), in: root)
            guard let status = try parent.status(of: name) else { throw Problem(.workspaceFileNotFound) }
            guard status.kind == .directory else {
                try store.change(name, in: parent, at: storePath(spelled)) { try parent.removeFile(name) }
                try parent.synchronize()
                return (DirectoryHandle.Size(entries: -1, bytes: status.kind == .file ? -status.bytes : 0), false)
            }
            let inside = try parent.directory([name]).measure(limit: Self.entriesMax)
            try store.remove(name, in: parent, at: storePath(spelled), to: Self.scratch(scratchName))
            try parent.synchronize()
            return (DirectoryHandle.Size(entries: -inside.entries - 1, bytes: -inside.bytes), true)
        }
        // It has left the workspace: the lock is not needed. What remains is removed with the old arrivals.
        if isFolder { try? store.directory(Self.scratch).removeAll(scratchName) }
        return size
    }

    /// The size of the workspace as it is on the disk.
    func measure() throws -> DirectoryHandle.Size { try mapped { try root().measure(limit: Self.entriesMax) } }

    // MARK: Paths

    private func root() throws -> DirectoryHandle { try store.directory(Self.key(of: organisation)) }

    private func storePath(_ names: [String]) -> String {
        (["workspaces", organisation.text] + names).joined(separator: "/")
    }

    private func folder(_ names: [String], in root: DirectoryHandle) throws -> DirectoryHandle {
        do { return try root.directory(names) } catch let failure as FileStore.Failure where failure.code == ENOTDIR {
            throw Problem(.notAWorkspaceFolder)
        }
    }

    /// Opens a folder, and creates the missing ones.
    /// - Returns: the folder, and how many were created.
    private func folders(_ names: [String], in root: DirectoryHandle) throws -> (DirectoryHandle, created: Int64) {
        var (directory, created) = (root, Int64(0))
        for name in names {
            if try directory.status(of: name) == nil {
                try directory.makeDirectory(name)
                try directory.synchronize()
                created += 1
            }
            directory = try folder([name], in: directory)
        }
        return (directory, created)
    }

    /// The names as they are on the disk: another program may have written one in another spelling of Unicode.
    /// - Throws: `workspace-name-ambiguous` where a folder has both.
    private func spelled(_ names: [String], in root: DirectoryHandle) throws -> [String] {
        guard names.contains(where: { !$0.isASCII }) else { return names }
        var spelled: [String] = []
        var directory: DirectoryHandle? = root
        for name in names {
            // Texts are equal where they are canonically equivalent.
            let present = try directory?.names(limit: Self.entriesMax).filter { $0 == name } ?? []
            guard present.count < 2 else {
                throw Problem(.workspaceNameAmbiguous, detail: "Rename or remove one of the files '\(name)' by a tool.")
            }
            spelled.append(present.first ?? name)
            directory = try? directory?.directory([present.first ?? name])
        }
        return spelled
    }

    // MARK: Locks and errors

    /// Runs a change while no other one of the organisation runs, in any process: what it adds is counted exactly.
    private func changing<Result>(_ body: (DirectoryHandle) throws -> Result) throws -> Result {
        try mapped {
            let number = organisation.text.utf8.reduce(0) { ($0 &* 31 &+ Int($1)) % Self.lockCount }
            let lock = try FileLock(store.path(of: Self.scratch("lock-\(number)")), .exclusive, waits: true)
            return try withExtendedLifetime(lock) { try body(try root()) }
        }
    }

    /// Locks are shared, so that erased organisations leave none.
    private static let lockCount = 64

    private func mapped<Result>(_ body: () throws -> Result) throws -> Result {
        do { return try body() } catch let failure as FileStore.Failure {
            throw Self.problem(of: failure) ?? failure
        } catch is DirectoryHandle.TooManyEntries {
            throw Problem(.workspaceTooLarge, detail: "A folder has at most \(Self.entriesMax) entries.")
        } catch is FileStore.IsBackedUp {
            throw Problem.overloaded(
                retryAfter: 60, detail: "A backup is running. Folders can be moved when it has ended.")
        }
    }

    private static func problem(of failure: FileStore.Failure) -> Problem? {
        switch failure.code {
        case ENOENT: Problem(.workspaceFileNotFound)
        // By O_NOFOLLOW, and by RESOLVE_NO_SYMLINKS and RESOLVE_BENEATH of openat2.
        case ELOOP, EXDEV: Problem(.workspacePathDenied, detail: "A name of the path is a symbolic link.")
        case ENOTDIR: Problem(.workspaceFileNotFound, detail: "A name of the path is no directory.")
        // A socket.
        case ENXIO, ENODEV: Problem(.notAWorkspaceFile)
        case EISDIR: Problem(.notAWorkspaceFile)
        case EEXIST, ENOTEMPTY: Problem(.workspaceFileExists)
        case ENAMETOOLONG: Problem.invalid("/path", "has a name that is too long")
        case EACCES, EPERM: Problem(.workspacePathDenied, title: "Access denied")
        default: nil
        }
    }
}

extension String {
    fileprivate var isASCII: Bool { utf8.allSatisfy { $0 < 128 } }
}
