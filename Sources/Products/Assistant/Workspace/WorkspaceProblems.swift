import Modules

extension Problem.Kind {
    static let workspacePathDenied = Self(
        "workspace-path-denied", "Access denied: Path outside workspace", status: 403)
    static let workspaceTypeDenied = Self("workspace-type-denied", "File type not allowed", status: 403)
    static let workspaceFileNotFound = Self("workspace-file-not-found", "File not found", status: 404)
    static let notAWorkspaceFile = Self("not-a-workspace-file", "Path is not a file", status: 400)
    static let notAWorkspaceFolder = Self("not-a-workspace-folder", "Path is not a directory", status: 400)
    static let workspaceFileTooLarge = Self("workspace-file-too-large", "File too large", status: 413)
    static let workspaceFileExists = Self("workspace-file-exists", "There is a file of this name", status: 409)
    static let workspaceNameAmbiguous = Self(
        "workspace-name-ambiguous", "Two files have this name in different spellings", status: 409)
    static let workspaceTooLarge = Self(
        "workspace-too-large", "The workspace has more files than can be handled", status: 409)
}
