package import Base

/// SQLite when embedded, PostgreSQL when scaled out; the same two verbs, with the same meaning.
///
/// A body runs synchronously on an executor of the driver's own, may run more than once (after a conflict with another
/// transaction), and so does nothing but talk to its transaction. When `write` returns, its effects are durable; when it
/// throws, there are none.
package protocol Database: Sendable {
    var dialect: SQL.Dialect { get }

    /// Reads from one consistent snapshot.
    /// - Throws: the body's `Problem`; `overloaded` when no connection comes free; `internalError` with its cause otherwise.
    func read<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result) async throws(Problem)
        -> Result

    /// Changes, all or nothing.
    /// - Throws: as ``read(_:)``.
    @discardableResult
    func write<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result) async throws(Problem)
        -> Result

    /// Runs `body` while no other process migrates this database, in a transaction of its own.
    @discardableResult
    func migrate<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result) async throws(Problem)
        -> Result

    /// Sees to it that what was deleted is also gone from files beside the tables, as far as the engine leaves that to us.
    func scrub() async throws(Problem)

    /// Figures for `/metrics`, by name: pool sizes, waiting callers, commit groups.
    var gauges: [String: Double] { get }

    func close() async
}

extension Database {
    package func scrub() async throws(Problem) {}
}

extension StorageError {
    /// How a storage failure is told to a caller: a busy database is a 503, anything else is ours.
    package var problem: Problem {
        switch kind {
        case .serialization, .connectionLost, .overloaded, .full:
            Problem(
                .overloaded, detail: "The database could not take this now; nothing was changed. Try again shortly.",
                headers: ["Retry-After": "2"], cause: self
            )
        case .outcomeUnknown:
            Problem(
                .overloaded,
                detail: "The connection to the database broke at the last moment; read before trying again.",
                headers: ["Retry-After": "5"],
                cause: self)
        case .duplicate, .reference, .check, .cancelled, .other:
            Problem(.internalError, cause: self)
        }
    }
}

extension Problem {
    /// What leaves a database's verb: problems as they are, storage failures told plainly, everything else with its cause.
    package static func leavingStorage(_ error: any Error) -> Problem {
        switch error {
        case let problem as Problem: problem
        case let failure as StorageError: failure.problem
        default: Problem(.internalError, cause: error)
        }
    }
}
