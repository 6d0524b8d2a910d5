package import Foundation

/// A folder with mode 700 and a random name that exists while a function runs.
package enum TemporaryFolder {
    /// Runs `body` with a new folder, which is removed afterwards, also after an error.
    /// - Parameter parent: created if it does not exist; the system's folder of temporary files by default.
    package static func with<Result>(
        in parent: URL = FileManager.default.temporaryDirectory, _ body: (URL) async throws -> Result
    ) async throws -> Result {
        let folder = parent.appending(
            path: "gatehouse-\(UUID().uuidString.lowercased())", directoryHint: .isDirectory)
        try FileManager.default.createDirectory(
            at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        defer { try? FileManager.default.removeItem(at: folder) }
        return try await body(folder)
    }
}
