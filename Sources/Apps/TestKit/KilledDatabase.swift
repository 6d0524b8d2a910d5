import Base
import Storage
import Synchronization

/// The database of a process that is killed: from then on nothing reaches it.
final class KilledDatabase: DatabaseWrapper {
    private struct State {
        var commits = 0
        var isKilled = false
    }

    let base: any Database
    private let commits: Int
    private let isAtOnce: Bool
    private let state = Mutex(State())

    /// - Parameters:
    ///   - commits: how many are made before.
    ///   - isAtOnce: whether nothing follows the last of them; else the process goes on until its next write.
    init(_ database: any Database, after commits: Int, isAtOnce: Bool) {
        base = database
        self.commits = commits
        self.isAtOnce = isAtOnce
    }

    var isKilled: Bool { state.withLock { $0.isKilled } }

    func read<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result) async throws(Problem)
        -> Result
    {
        try requireRunning()
        return try await base.read(body)
    }

    func read<Result: Sendable>(
        within limit: Duration, _ body: @escaping @Sendable (Transaction) throws -> Result
    ) async throws(Problem) -> Result {
        try requireRunning()
        return try await base.read(within: limit, body)
    }

    @discardableResult
    func write<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result) async throws(Problem)
        -> Result
    {
        state.withLock { if $0.commits == commits { $0.isKilled = true } }
        try requireRunning()
        let result = try await base.write(body)
        state.withLock { state in
            state.commits += 1
            if isAtOnce, state.commits == commits { state.isKilled = true }
        }
        try requireRunning()
        return result
    }

    private func requireRunning() throws(Problem) {
        guard !isKilled else {
            throw StorageError(.connectionLost, code: "killed", message: "the process of this database is killed")
                .problem
        }
    }
}
