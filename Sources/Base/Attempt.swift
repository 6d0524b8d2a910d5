/// Runs `body`, and then `cleanUp`, also where `body` throws: a `defer` that can wait.
package func attempt<Result>(
    _ body: () async throws -> Result, finally cleanUp: () async -> Void
) async throws -> Result {
    do {
        let result = try await body()
        await cleanUp()
        return result
    } catch {
        await cleanUp()
        throw error
    }
}
