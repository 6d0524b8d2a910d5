import Base
import Foundation

/// Runs `body` with the path of a file of plans, which is removed afterwards.
/// - Parameter yaml: the contents of the file.
package func withPlansFile(_ yaml: String, _ body: (String) async throws -> Void) async throws {
    let file = FileManager.default.temporaryDirectory.appending(
        path: "plans-\(Hex.encode(Runtime.system.randomBytes(8))).yaml")
    defer { try? FileManager.default.removeItem(at: file) }
    try Data(yaml.utf8).write(to: file)
    try await body(file.path())
}
