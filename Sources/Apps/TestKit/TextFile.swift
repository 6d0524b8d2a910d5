import Base
import Foundation

/// Runs `body` with the path of a file, which is removed afterwards.
/// - Parameters:
///   - text: the contents.
///   - pathExtension: without the dot.
package func withTextFile(_ text: String, _ pathExtension: String, _ body: (String) async throws -> Void) async throws {
    let file = FileManager.default.temporaryDirectory.appending(
        path: "test-\(Hex.encode(Runtime.system.randomBytes(8))).\(pathExtension)")
    defer { try? FileManager.default.removeItem(at: file) }
    try Data(text.utf8).write(to: file)
    try await body(file.path())
}
