import Files
import Foundation
import Modules

/// The path of a file or folder in a workspace: names in Unicode's Normalization Form C, none for the workspace itself.
struct WorkspacePath: Sendable, Hashable {
    let names: [String]

    /// With slashes between the names.
    var text: String { names.joined(separator: "/") }
    var name: String? { names.last }
    var parents: [String] { Array(names.dropLast()) }

    static let bytesMax = 1_024
    static let namesMax = 16
    private static let nameBytesMax = 255

    /// The endings of files that clients may write.
    static let extensions: Set<String> = ["txt", "md", "py", "js", "ts", "json", "yaml", "yml"]

    /// - Parameters:
    ///   - text: names with slashes between them. Empty names and `.` are left out, as in a path of the shell.
    ///   - pointer: of the text in the request.
    /// - Throws: `workspace-path-denied` for an absolute path and for `..`; `validation-failed`.
    init(_ text: String, _ pointer: String = "/query/path") throws(Problem) {
        guard text.utf8.count <= Self.bytesMax else {
            throw Problem.invalid(pointer, "has more than \(Self.bytesMax) bytes")
        }
        let parts = text.split(separator: "/").filter { $0 != "." }
        guard !text.hasPrefix("/"), !parts.contains("..") else {
            throw Problem(
                .workspacePathDenied, detail: "A path is relative to the workspace, and has no '..' in it.")
        }
        guard parts.count <= Self.namesMax else {
            throw Problem.invalid(pointer, "has more than \(Self.namesMax) names")
        }
        let names = parts.map { String($0).precomposedStringWithCanonicalMapping }
        guard names.allSatisfy(Self.isName) else {
            throw Problem.invalid(
                pointer,
                "has a name of more than \(Self.nameBytesMax) bytes, or with a backslash or a control character")
        }
        self.names = names
    }

    private init(names: [String]) { self.names = names }

    /// The path of a file in this folder.
    func appending(_ name: String, _ pointer: String) throws(Problem) -> WorkspacePath {
        let name = try WorkspacePath(name, pointer)
        guard name.names.count == 1, names.count < Self.namesMax else {
            throw Problem.invalid(pointer, "is no name of a file in this folder")
        }
        return WorkspacePath(names: names + name.names)
    }

    /// - Throws: `workspace-type-denied` for a file that clients may not write; `not-a-workspace-file` for the workspace.
    func requireWritableFile() throws(Problem) {
        guard let name else { throw Problem(.notAWorkspaceFile, detail: "The path names the workspace itself.") }
        // A name that begins with its only dot has no ending.
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count > 1, parts[0] != "" || parts.count > 2, let end = parts.last,
            Self.extensions.contains(end.lowercased())
        else {
            let known = Self.extensions.sorted().map { "." + $0 }.joined(separator: ", ")
            throw Problem(.workspaceTypeDenied, detail: "Files end with \(known).")
        }
    }

    private static func isName(_ name: String) -> Bool {
        (1...nameBytesMax).contains(name.utf8.count) && name.isFileNameText
    }
}
