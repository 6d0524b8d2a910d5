/// Runs `body` with the path of a file of plans, which is removed afterwards.
/// - Parameter yaml: the contents of the file.
package func withPlansFile(_ yaml: String, _ body: (String) async throws -> Void) async throws {
    try await withTextFile(yaml, "yaml", body)
}
