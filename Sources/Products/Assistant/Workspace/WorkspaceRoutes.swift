import Entitlements
import Files
import Identity
import Modules

/// The endpoints of the files of an organisation's workspace.
struct WorkspaceRoutes: Sendable {
    let workspaces: WorkspaceService
    let member: Member
    let entitlements: EntitlementsModule

    var routes: [Route] { (reading + changes).map { $0.guarded(by: entitlements.rate(.assistant)) } }

    private var access: Member { member.allowing(.assistant) }

    private var reading: [Route] {
        [
            .get(
                "files/list", "List the files of a folder of the workspace by their names", requires: access,
                .query("path", upTo: WorkspacePath.bytesMax), .query("limit", 1...1_000, default: 1_000),
                .query("offset", 0...WorkspaceFolder.entriesMax, default: 0),
                problems: Self.problems + [.notAWorkspaceFolder]
            ) { [workspaces] scope, path, limit, offset in
                try await workspaces.list(path ?? "", limit: limit, offset: offset, scope: scope)
            },
            .get(
                "files/read", "Read a file of the workspace as JSON", requires: access, path,
                problems: Self.problems + [.notAWorkspaceFile, .workspaceFileTooLarge]
            ) { [workspaces] in try await workspaces.read($1, scope: $0) },
            .get(
                "files/download", "Download a file of the workspace, or a range of it", requires: access, path, .range,
                problems: Self.problems + [.notAWorkspaceFile]
            ) { [workspaces] in try await workspaces.download($1, $2, scope: $0) },
        ]
    }

    private var changes: [Route] {
        [
            .post(
                "files/write", "Write a file of the workspace, and replace one of this path", requires: access,
                problems: Self.writing
            ) { [workspaces] (request: WriteWorkspaceFile, scope) in
                try await workspaces.write(request, scope: scope)
            },
            .post(
                "files/upload", "Upload a file to a folder of the workspace, and replace one of this name",
                requires: access, .query("path", upTo: WorkspacePath.bytesMax), .multipart(texts: [], file: "file"),
                problems: Self.writing
            ) { [workspaces] in try await workspaces.upload($2, to: $1, scope: $0) },
            .post(
                "files/mkdir", "Create a folder of the workspace", requires: access,
                problems: Self.changing + [.notAWorkspaceFolder, .workspaceFileExists, .storageExceeded, .storageFull]
            ) { [workspaces] (request: CreateWorkspaceFolder, scope) in
                try await workspaces.makeFolder(request, scope: scope)
            },
            .post(
                "files/move", "Move a file or folder of the workspace", requires: access,
                problems: Self.writing + [.workspaceFileExists]
            ) { [workspaces] (request: MoveWorkspaceFile, scope) in try await workspaces.move(request, scope: scope) },
            .delete(
                "files/delete", "Delete a file of the workspace, or a folder with all that is in it", requires: access,
                path, problems: Self.changing + [.notAWorkspaceFolder]
            ) { [workspaces] in try await workspaces.delete($1, scope: $0) },
        ]
    }

    private var path: RequiredQueryText { .query("path", required: WorkspacePath.bytesMax) }

    private static let problems: [Problem.Kind] = [
        .workspacePathDenied, .workspaceFileNotFound, .workspaceNameAmbiguous, .workspaceTooLarge, .validationFailed,
    ]
    /// Also where the account has left the organisation meanwhile.
    private static let changing: [Problem.Kind] = problems + [.notFound]
    private static let writing: [Problem.Kind] =
        changing + [
            .workspaceTypeDenied, .notAWorkspaceFile, .notAWorkspaceFolder, .workspaceFileTooLarge, .storageExceeded,
            .storageFull,
        ]
}
