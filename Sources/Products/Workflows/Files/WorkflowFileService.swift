import Files
import Foundation
import Identity
import Modules
import Secrets

/// The files in the folders of workflows.
final class WorkflowFileService: Sendable {
    private let database: any Database
    private let files: FileStore
    private let runtime: Runtime

    init(database: any Database, files: FileStore, runtime: Runtime) {
        self.database = database
        self.files = files
        self.runtime = runtime
    }

    /// - Throws: ``StepFailure`` for a file that is not there.
    func read(_ path: WorkflowPath, of workflow: Workflow) async throws -> String {
        let file = try await database.read {
            try $0.workflowFile(path, of: workflow.root, in: workflow.organisation)
        }
        guard let file else {
            throw StepFailure(.toolError, "There is no file '\(path.text)' in the folder of the workflow.")
        }
        return String(decoding: try content(of: file), as: UTF8.self)
    }

    func list(_ workflow: Workflow) async throws -> [WorkflowFile] {
        try await database.read { try $0.workflowFiles(of: workflow.root, in: workflow.organisation) }
    }

    /// What a file is to hold.
    struct Content: Sendable {
        let path: WorkflowPath
        let bytes: [UInt8]
        /// In hexadecimal.
        let sha256: String

        init(path: WorkflowPath, bytes: [UInt8]) {
            self.path = path
            self.bytes = bytes
            sha256 = Hex.encode(Digest.sha256(bytes))
        }
    }

    /// As ``write(_:removing:of:)``, of one text.
    func write(_ text: String, to path: WorkflowPath, of workflow: Workflow) async throws -> (
        @Sendable (Transaction) throws -> Void
    ) {
        try await write([Content(path: path, bytes: Array(text.utf8))], of: workflow)
    }

    /// Writes contents to the disk. The files have them when the returned effect has run, which first checks the
    /// bounds.
    /// - Parameter removed: files that the effect removes, where they still have these hashes.
    func write(_ contents: [Content], removing removed: [WorkflowPath: String] = [:], of workflow: Workflow)
        async throws -> (@Sendable (Transaction) throws -> Void)
    {
        guard contents.allSatisfy({ Int64($0.bytes.count) <= WorkflowFile.bytesMax }) else {
            throw StepFailure(.resourceExhaustion, "A file has at most \(WorkflowFile.bytesMax) bytes.")
        }
        let new = contents.reduce(0) { $0 + Int64($1.bytes.count) }
        guard try await files.bytes(under: WorkflowFile.folder(of: workflow.root)) + new <= WorkflowFile.storedBytesMax
        else {
            throw StepFailure(
                .resourceExhaustion,
                "A workflow stores at most \(WorkflowFile.storedBytesMax) bytes, with what it has replaced.")
        }
        for content in contents { try await store(content, of: workflow) }
        let saved = contents.map { (id: runtime.id(of: WorkflowFile.self), content: $0) }
        return { transaction in
            try Self.checkRoom(for: contents, removing: removed, of: workflow, in: transaction)
            for (path, sha256) in removed {
                try transaction.deleteWorkflowFile(
                    path, sha256: sha256, of: workflow.root, in: workflow.organisation)
            }
            for (id, content) in saved {
                try transaction.saveWorkflowFile(
                    id, content.path, bytes: Int64(content.bytes.count), sha256: content.sha256, of: workflow.root,
                    in: workflow.organisation)
            }
        }
    }

    /// Stores a content under its hash. It is moved there, because a row may name it already.
    private func store(_ content: Content, of workflow: Workflow) async throws {
        let arrival = WorkflowFile.key(of: runtime.id(of: WorkflowFile.self).text, in: workflow.root)
        do {
            var rest: [UInt8]? = content.bytes
            _ = try await files.write(arrival, at: 0) {
                defer { rest = nil }
                return rest
            }
            try await files.move(arrival, to: WorkflowFile.key(of: content.sha256, in: workflow.root))
        } catch {
            try? await files.remove(arrival)
            throw error
        }
    }

    /// - Throws: `workflow-not-found`, `workflow-access-denied`.
    func list(_ id: ID<Workflow>, scope: Scope) async throws(Problem) -> WorkflowFileList {
        try await database.read { transaction in
            let workflow = try transaction.workflow(id, in: scope)
            let files = try transaction.workflowFiles(of: workflow.root, in: workflow.organisation)
            return WorkflowFileList(workflowId: id, files: files.map { WorkflowFileView($0) })
        }
    }

    /// - Throws: `workflow-not-found`, `workflow-access-denied`, `workflow-file-not-found`.
    func download(_ path: String, of id: ID<Workflow>, scope: Scope) async throws(Problem) -> Download {
        let file = try await database.read { transaction -> WorkflowFile? in
            let workflow = try transaction.workflow(id, in: scope)
            guard let path = try? WorkflowPath(path) else { return nil }
            return try transaction.workflowFile(path, of: workflow.root, in: workflow.organisation)
        }
        guard let file else { throw Problem(.workflowFileNotFound) }
        return Download(
            path: files.path(of: file.key), size: file.bytes,
            name: file.path.text.split(separator: "/").last.map(String.init) ?? "file")
    }

    /// Removes the folder of a workflow whose rows are deleted.
    func removeFolder(of root: ID<Workflow>) async throws { try await files.remove(WorkflowFile.folder(of: root)) }

    private func content(of file: WorkflowFile) throws -> Data {
        try Data(contentsOf: URL(filePath: files.path(of: file.key)))
    }

    /// - Throws: ``StepFailure`` where the folder or the organisation has too many files.
    private static func checkRoom(
        for contents: [Content], removing removed: [WorkflowPath: String], of workflow: Workflow,
        in transaction: Transaction
    ) throws {
        guard !contents.isEmpty else { return }
        let paths = Set(contents.map(\.path))
        let bytes = contents.reduce(0) { $0 + Int64($1.bytes.count) }
        let others = try transaction.workflowFiles(of: workflow.root, in: workflow.organisation)
            .filter { !paths.contains($0.path) && removed[$0.path] != $0.sha256 }
        guard Int64(others.count + contents.count) <= WorkflowFile.folderFilesMax,
            others.reduce(0, { $0 + $1.bytes }) + bytes <= WorkflowFile.folderBytesMax
        else {
            throw StepFailure(
                .resourceExhaustion,
                "The folder of a workflow has at most \(WorkflowFile.folderFilesMax) files and "
                    + "\(WorkflowFile.folderBytesMax) bytes.")
        }
        guard
            try transaction.workflowFileBytes(of: workflow.organisation) + bytes <= WorkflowFile.organisationBytesMax
        else {
            throw StepFailure(
                .resourceExhaustion,
                "The files of an organisation's workflows have at most \(WorkflowFile.organisationBytesMax) bytes.")
        }
    }
}
