/// Lines about a long part of a proof.
enum Progress {
    private static let interval = Duration.seconds(5)

    /// Writes a line every few seconds until `body` ends.
    static func write<Result>(
        to output: @escaping @Sendable (String) -> Void, _ line: @escaping @Sendable () async throws -> String,
        during body: () async throws -> Result
    ) async rethrows -> Result {
        let start = ContinuousClock.now
        let task = Task {
            while (try? await Task.sleep(for: interval)) != nil {
                let seconds = Int((ContinuousClock.now - start) / .seconds(1))
                // What is counted may be busy.
                output("  \(seconds) s: \((try? await line()) ?? "…")")
            }
        }
        defer { task.cancel() }
        return try await body()
    }
}
