import Audit
import Entitlements
import Files
import Foundation
import Identity
import Modules
import NIOCore

/// The files that the members of an organisation share with each other and with its tools.
///
/// A change is written down with the most that it may add, then made on the disk, then counted. Where its process is
/// killed in between, the workspace is counted anew.
final class WorkspaceService: Sendable {
    private let database: any Database
    private let files: FileStore
    private let audit: AuditService
    private let fileBytesMax: Int64
    private let runtime: Runtime
    private let pool = BlockingPool(name: "workspaces", threads: 4, capacity: 1_024)

    /// Of boundaries and headers of a form beside the file, in bytes.
    private static let formOverhead = 64 << 10
    /// Workspaces that one run of the job counts.
    private static let countsMax = 1_000

    /// - Parameter fileBytesMax: of one file.
    init(database: any Database, files: FileStore, audit: AuditService, fileBytesMax: Int64, runtime: Runtime) {
        self.database = database
        self.files = files
        self.audit = audit
        self.fileBytesMax = fileBytesMax
        self.runtime = runtime
    }

    // MARK: Reading

    func list(_ path: String, limit: Int, offset: Int, scope: Scope) async throws(Problem) -> WorkspaceFileList {
        let path = try WorkspacePath(path)
        let (entries, total) = try await run(in: scope) { try $0.list(path, limit: limit, offset: offset) }
        return WorkspaceFileList(
            path: path.text, files: entries.map { WorkspaceFileView($0, in: path) }, total: Int64(total),
            limit: limit, offset: offset)
    }

    func read(_ path: String, scope: Scope) async throws(Problem) -> WorkspaceFileContent {
        let path = try WorkspacePath(path)
        let limit = fileBytesMax
        let bytes = try await run(in: scope) { try $0.read(path, bytesMax: limit) }
        let text = String(validating: bytes, as: UTF8.self)
        return WorkspaceFileContent(
            path: path.text, content: text ?? Data(bytes).base64EncodedString(),
            encoding: text == nil ? WorkspaceFileContent.binaryEncoding : WorkspaceFileContent.textEncoding,
            size: Int64(bytes.count))
    }

    func download(_ path: String, _ conditions: RangeConditions, scope: Scope) async throws(Problem)
        -> RangedDownload
    {
        let path = try WorkspacePath(path)
        let opened = try await run(in: scope) { try $0.open(path) }
        return RangedDownload(
            opened.file, size: opened.bytes, name: opened.name, version: opened.version, conditions)
    }

    // MARK: Changes

    func write(_ request: WriteWorkspaceFile, scope: Scope) async throws(Problem) -> WorkspaceFileWritten {
        let path = try WorkspacePath(request.path, "/path")
        try path.requireWritableFile()
        var bytes: [UInt8]? = Array(request.content.utf8)
        if request.encoding == WorkspaceFileContent.binaryEncoding {
            guard let data = Data(base64Encoded: request.content) else {
                throw Problem.invalid("/content", "is not base64")
            }
            bytes = Array(data)
        }
        let whole = bytes
        let size = try await receive(upTo: Int64(bytes?.count ?? 0), entries: path.names.count, scope: scope) {
            arrival in
            var rest = whole
            let size = try await self.files.write(arrival, at: 0) {
                defer { rest = nil }
                return rest
            }
            return (path, size)
        }.size
        return WorkspaceFileWritten(message: "File written", path: path.text, size: size)
    }

    /// Receives a form with one file, as it arrives, and a part `path` or a parameter: the folder, by default the
    /// workspace itself.
    func upload(_ incoming: RawBody.Incoming, to folder: String?, scope: Scope) async throws(Problem)
        -> WorkspaceFileUploaded
    {
        let announced = incoming.body.announcedSize.map { min(Int64($0), fileBytesMax) } ?? fileBytesMax
        // Before the file arrives its path is not known: it may be as deep as a path can be.
        let (path, size) = try await receive(upTo: announced, entries: WorkspacePath.namesMax, scope: scope) {
            try await self.spool(incoming, to: $0, folder: folder)
        }
        return WorkspaceFileUploaded(
            message: "File uploaded", filename: path.name ?? "", path: path.text, size: size)
    }

    private func spool(_ incoming: RawBody.Incoming, to arrival: FileStore.Key, folder: String?) async throws -> (
        WorkspacePath, Int64
    ) {
        var reader = try MultipartReader(
            contentType: incoming.contentType, body: incoming.body,
            limits: MultipartReader.Limits(totalBytes: Int(fileBytesMax) + Self.formOverhead))
        var folder = folder
        var file: (name: String, size: Int64)?
        while let part = try await reader.next() {
            switch part.name {
            case "path": folder = try await reader.collectText(upTo: WorkspacePath.bytesMax)
            case "file":
                guard file == nil else {
                    throw Problem(.invalidPayload, detail: "The body has more than one file.")
                }
                let name = part.filename ?? ""
                // Refused before it has arrived.
                try WorkspacePath("").appending(name, "/file").requireWritableFile()
                file = (name, try await write(&reader, to: arrival))
            default: _ = try await reader.collectText(upTo: Self.formOverhead)
            }
        }
        guard let file else { throw Problem.invalid("/file", "is a required part of the form") }
        return (try WorkspacePath(folder ?? "", "/path").appending(file.name, "/file"), file.size)
    }

    private func write(_ reader: inout MultipartReader, to arrival: FileStore.Key) async throws -> Int64 {
        var received: Int64 = 0
        // The closure reads from a copy, which replaces the original afterwards: an inout argument cannot be captured.
        var local = reader
        let size = try await files.write(arrival, at: 0) { [fileBytesMax] in
            guard let buffer = try await local.read() else { return nil }
            received += Int64(buffer.readableBytes)
            guard received <= fileBytesMax else {
                throw Problem(.workspaceFileTooLarge, detail: "A file has at most \(fileBytesMax) bytes.")
            }
            return Array(buffer: buffer)
        }
        reader = local
        return size
    }

    func makeFolder(_ request: CreateWorkspaceFolder, scope: Scope) async throws(Problem) -> WorkspaceChanged {
        let path = try WorkspacePath(request.path, "/path")
        try await change(entries: path.names.count, scope: scope) { try $0.makeFolder(path) }
        return WorkspaceChanged(message: "Directory created", path: path.text)
    }

    func move(_ request: MoveWorkspaceFile, scope: Scope) async throws(Problem) -> WorkspaceChanged {
        let (source, target) = (
            try WorkspacePath(request.source, "/source"), try WorkspacePath(request.destination, "/destination")
        )
        try await change(
            entries: target.parents.count, scope: scope,
            event: AuditEvent("workspace-file.moved", by: scope, subject: scope.organisation.text)
        ) { try $0.move(source, to: target) }
        return WorkspaceChanged(message: "File moved", path: target.text)
    }

    func delete(_ path: String, scope: Scope) async throws(Problem) -> WorkspaceChanged {
        let path = try WorkspacePath(path)
        let name = runtime.id(of: WorkspaceChange.self).text
        try await change(
            entries: 0, scope: scope,
            event: AuditEvent("workspace-file.deleted", by: scope, subject: scope.organisation.text)
        ) { try $0.remove(path, as: name) }
        return WorkspaceChanged(message: "File deleted", path: path.text)
    }

    /// Receives a file, and gives it its path.
    /// - Parameters:
    ///   - bytes: the most that it has.
    ///   - entries: the most that it adds, with the folders of its path.
    ///   - write: writes it to the key, and returns its path and size.
    private func receive(
        upTo bytes: Int64, entries: Int, scope: Scope,
        _ write: (FileStore.Key) async throws -> (WorkspacePath, Int64)
    ) async throws(Problem) -> (path: WorkspacePath, size: Int64) {
        guard bytes <= fileBytesMax else {
            throw Problem(.workspaceFileTooLarge, detail: "A file has at most \(fileBytesMax) bytes.")
        }
        let change = try await begin(bytes: bytes, entries: entries, scope: scope)
        let arrival = change.id.text
        let (path, size): (WorkspacePath, Int64)
        do { (path, size) = try await write(WorkspaceFolder.scratch(arrival)) } catch {
            try? await files.remove(WorkspaceFolder.scratch(arrival))
            try? await end(change, adding: DirectoryHandle.Size(), event: nil)
            throw Problem.wrapping(error)
        }
        let event = AuditEvent(
            "workspace-file.written", by: scope, subject: scope.organisation.text, details: ["bytes": "\(size)"])
        try await settle(change, scope: scope, event: event) { try $0.put(arrival, bytes: size, at: path) }
        return (path, size)
    }

    private func change(
        entries: Int, scope: Scope, event: AuditEvent? = nil,
        _ body: @escaping @Sendable (WorkspaceFolder) throws -> DirectoryHandle.Size
    ) async throws(Problem) {
        let change = try await begin(bytes: 0, entries: entries, scope: scope)
        try await settle(change, scope: scope, event: event, body)
    }

    /// Changes the disk, and counts what that has added, also where the client has gone away meanwhile.
    private func settle(
        _ change: WorkspaceChange, scope: Scope, event: AuditEvent?,
        _ body: @escaping @Sendable (WorkspaceFolder) throws -> DirectoryHandle.Size
    ) async throws(Problem) {
        try await Task { [self] () -> Result<Void, Problem> in
            do {
                let added = try await run(in: scope, body)
                try await end(change, adding: added, event: event)
                return .success(())
            } catch {
                try? await files.remove(WorkspaceFolder.scratch(change.id.text))
                // Some folders of its path may have been created.
                try? await end(change, adding: nil, event: nil)
                return .failure(Problem.wrapping(error))
            }
        }.value.get()
    }

    /// - Throws: `storage-exceeded`.
    private func begin(bytes: Int64, entries: Int, scope: Scope) async throws(Problem) -> WorkspaceChange {
        let change = WorkspaceChange(
            id: runtime.id(), organisation: scope.organisation, bytes: bytes, entries: Int64(entries))
        let refusal = try await database.write { transaction -> Problem? in
            // A change that begins while its person is removed would outlast the membership.
            try transaction.authority(of: scope, OrganisationRole.allCases)
            guard try !transaction.begin(change) else { return nil }
            let usage = try transaction.workspaceUsage(of: change.organisation)
            return Self.refusal(of: change, usage)
        }
        if let refusal { throw refusal }
        return change
    }

    private static func refusal(of change: WorkspaceChange, _ usage: WorkspaceUsage?) -> Problem {
        Problem(
            .storageExceeded,
            detail: "A workspace has at most \(WorkspaceUsage.bytesMax) bytes and \(WorkspaceUsage.entriesMax) "
                + "files and folders. Delete files that are no longer needed.",
            members: [
                "limit": .integer(WorkspaceUsage.bytesMax), "required": .integer(change.bytes),
                "current_usage": .integer((usage?.bytes ?? 0) + (usage?.heldBytes ?? 0)),
                "current_files": .integer((usage?.entries ?? 0) + (usage?.heldEntries ?? 0)),
            ])
    }

    private func end(_ change: WorkspaceChange, adding size: DirectoryHandle.Size?, event: AuditEvent?)
        async throws(Problem)
    {
        try await database.write { [audit] transaction in
            try transaction.end(change, adding: size)
            if let event { try audit.record(event, in: transaction) }
        }
    }

    /// Runs work on the disk on a thread that may block.
    private func run<Result: Sendable>(
        in scope: Scope, _ body: @escaping @Sendable (WorkspaceFolder) throws -> Result
    ) async throws(Problem) -> Result {
        try await run(of: scope.organisation, body)
    }

    private func run<Result: Sendable>(
        of organisation: ID<Organisation>, _ body: @escaping @Sendable (WorkspaceFolder) throws -> Result
    ) async throws(Problem) -> Result {
        let folder = WorkspaceFolder(store: files, organisation: organisation)
        return try await Problem.catching {
            _ = try await files.folder(WorkspaceFolder.key(of: organisation))
            _ = try await files.folder(WorkspaceFolder.scratch)
            return try await pool.run { try body(folder) }
        }
    }

    // MARK: For jobs

    /// Counts workspaces anew where that is due, and removes old arrivals.
    func maintain(_ context: JobContext) async throws {
        for organisation in try await database.read({ try $0.workspacesToCount(limit: Self.countsMax) }) {
            try context.checkCancellation()
            try await count(organisation)
        }
        try await removeOldArrivals()
    }

    private func count(_ organisation: ID<Organisation>) async throws {
        let version = try await database.read { transaction -> Int64? in
            guard try !transaction.hasWorkspaceChanges(organisation) else { return nil }
            return try transaction.workspaceUsage(of: organisation)?.version
        }
        // It is counted when none is under way.
        guard let version else { return }
        let size: DirectoryHandle.Size
        do throws(Problem) { size = try await run(of: organisation) { try $0.measure() } } catch {
            guard error.kind == .workspaceTooLarge else { throw error }
            // Tools have written more than may be there: nothing is added until it has been removed.
            size = DirectoryHandle.Size(entries: WorkspaceUsage.entriesMax, bytes: WorkspaceUsage.bytesMax)
        }
        try await database.write { try $0.setWorkspaceSize(size, of: organisation, version: version) }
    }

    private func removeOldArrivals() async throws {
        let oldest = UUIDText.version7(
            milliseconds: (runtime.now() - WorkspaceChange.lifetime).microseconds / 1_000,
            random: [UInt8](repeating: 0, count: 10))
        _ = try await files.folder(WorkspaceFolder.scratch)
        try await pool.run { [files] in
            let folder = try files.directory(WorkspaceFolder.scratch)
            // The names are ids, which sort by the time of their creation.
            for name in try folder.names(limit: .max) where name < oldest { try folder.removeAll(name) }
        }
    }
}
