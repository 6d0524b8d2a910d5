import CommandSandbox
import Files
import Foundation
import GoalGraphs
import Identity
import Modules
import Secrets

/// Copies of workflows' folders on disk, in which commands run.
///
/// A copy is apart from the stored files: a command changes none of them in place, and what it leaves behind is read
/// as untrusted work (``CommandFolder``). A copy whose process was killed is removed an hour later.
final class WorkingCopyService: Sendable {
    private let files: WorkflowFileService
    private let store: FileStore
    private let folders: ScratchFolders
    private let pool = BlockingPool(name: "working-copies", threads: 2, capacity: 256)

    /// Longer than a command waits and runs.
    private static let lifetime = Duration.hours(1)

    struct Copy: Sendable {
        /// Absolute.
        let path: String
        /// The SHA-256 of each file that was put into it.
        fileprivate let before: [WorkflowPath: String]
    }

    init(files: WorkflowFileService, store: FileStore, runtime: Runtime) {
        self.files = files
        self.store = store
        folders = ScratchFolders("workflow-commands", in: store, removedAfter: Self.lifetime, runtime: runtime)
    }

    /// Runs `body` in a copy of a workflow's folder, which is removed afterwards.
    func withCopy<Result>(of workflow: Workflow, _ body: (Copy) async throws -> Result) async throws -> Result {
        let folder = try await folders.make()
        return try await attempt {
            try await body(try await copy(workflow, to: folder.path))
        } finally: {
            // What remains is removed with the old copies.
            try? await folders.remove(folder)
        }
    }

    private func copy(_ workflow: Workflow, to path: String) async throws -> Copy {
        let stored = try await files.list(workflow)
        let paths = Set(stored.map(\.path.text))
        if let path = paths.first(where: { $0.folders.contains(where: paths.contains) }) {
            throw StepFailure(.toolError, "'\(path)' is below another file of the folder.")
        }
        try await pool.run { [store] in
            do {
                for file in stored {
                    let target = URL(filePath: path).appending(path: file.path.text)
                    try FileManager.default.createDirectory(
                        at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
                    try Data(contentsOf: URL(filePath: store.path(of: file.key))).write(to: target)
                }
            } catch { throw Problem.ofDisk(error) }
        }
        return Copy(path: path, before: Dictionary(stored.map { ($0.path, $0.sha256) }) { $1 })
    }

    /// Stores what a command has changed in its copy.
    /// - Returns: as ``WorkflowFileService/write(_:removing:of:)``.
    /// - Throws: ``StepFailure`` for more than a folder holds.
    func changes(in copy: Copy, of workflow: Workflow) async throws -> (@Sendable (Transaction) throws -> Void) {
        let found = try await pool.run {
            do throws(CommandSandboxError) {
                // Hidden files, such as those of a shell, and what lies deeper are not kept.
                return try CommandFolder.files(
                    in: copy.path, filesMax: Int(WorkflowFile.folderFilesMax),
                    bytesMax: Int(WorkflowFile.folderBytesMax)
                ) { (try? WorkflowPath($0)) != nil }
            } catch {
                throw StepFailure(.resourceExhaustion, "After the command, \(error).")
            }
        }
        let contents = found.map { WorkflowFileService.Content(path: WorkflowPath(trusted: $0.path), bytes: $0.bytes) }
        let kept = Set(contents.map(\.path))
        return try await files.write(
            contents.filter { copy.before[$0.path] != $0.sha256 },
            removing: copy.before.filter { !kept.contains($0.key) }, of: workflow)
    }

    /// Removes the copies that a killed process has left.
    func removeOld() async throws { try await folders.removeOld() }
}

extension String {
    /// Of a path with slashes, the folders that it is in, such as `a` and `a/b` of `a/b/c`.
    fileprivate var folders: [String] {
        let names = split(separator: "/")
        return (1..<max(1, names.count)).map { names.prefix($0).joined(separator: "/") }
    }
}
