package import Base

/// A SQL database: SQLite when embedded, PostgreSQL for several machines, with the same semantics.
///
/// A body runs synchronously on an executor of the driver. It may run more than once (after a conflict with another
/// transaction), so it must have no effects outside of its transaction. When `write` returns, its effects are durable;
/// when it throws, there are none.
package protocol Database: Sendable {
    var dialect: SQL.Dialect { get }

    /// Reads from one consistent snapshot.
    /// - Throws: the body's `Problem`; `overloaded` when no connection becomes free in time; else `internalError` with
    ///   its cause.
    func read<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result) async throws(Problem)
        -> Result

    /// As ``read(_:)``, for a read that may take longer than others: verifying or exporting a whole table.
    /// - Parameter limit: after it the read fails with `overloaded`. SQLite cannot reset its WAL behind a read.
    func read<Result: Sendable>(
        within limit: Duration, _ body: @escaping @Sendable (Transaction) throws -> Result
    ) async throws(Problem) -> Result

    /// Runs a transaction that writes.
    /// - Throws: as ``read(_:)``.
    @discardableResult
    func write<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result) async throws(Problem)
        -> Result

    /// Runs `body` in a transaction of its own while no other process migrates this database.
    @discardableResult
    func migrate<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result) async throws(Problem)
        -> Result

    /// Calls `handler` for each message that another process on the same database sends after a commit. A process that
    /// has no subscription also sends none.
    /// - Parameter handler: must not block: it runs on a thread of the driver.
    func subscribe(_ handler: @escaping @Sendable (DatabaseNotification) -> Void) -> DatabaseSubscription

    /// The number of other processes that listen for notifications on this database.
    func otherProcesses() async throws(Problem) -> Int

    /// Checks that a commit would be found by the next start: that the open file is still the one at its path, and that
    /// no transaction has found it damaged.
    /// - Throws: the problem that writes would get.
    func checkFile() throws(Problem)

    /// Removes deleted rows from files beside the tables, as far as the engine does not do so itself.
    func scrub() async throws(Problem)

    /// Values for `/metrics`, by name: pool sizes, queue lengths, commit groups.
    var gauges: [String: Double] { get }

    func close() async
}

extension Database {
    /// An engine on which a long read delays nothing else.
    package func read<Result: Sendable>(
        within limit: Duration, _ body: @escaping @Sendable (Transaction) throws -> Result
    ) async throws(Problem) -> Result {
        try await read(body)
    }

    /// An embedded database has no list of other processes.
    package func otherProcesses() async throws(Problem) -> Int { 0 }

    /// An engine without files of its own.
    package func checkFile() throws(Problem) {}

    package func scrub() async throws(Problem) {}

    /// An engine without notifications: its readers poll.
    package func subscribe(_ handler: @escaping @Sendable (DatabaseNotification) -> Void) -> DatabaseSubscription {
        DatabaseSubscription()
    }
}

extension StorageError {
    /// The problem that a client gets: 503 for a busy or unreachable database, otherwise an internal error.
    package var problem: Problem {
        switch kind {
        case .serialization, .connectionLost, .overloaded, .full:
            Problem(
                .overloaded, detail: "The database is unavailable; nothing was changed. Try again shortly.",
                headers: ["Retry-After": "2"], cause: self
            )
        case .fileReplaced:
            Problem(
                .overloaded, detail: "The database is not in its place; nothing was changed.",
                headers: ["Retry-After": "10"], cause: self)
        case .damaged:
            Problem(
                .overloaded, detail: "The database cannot be used; nothing was changed.",
                headers: ["Retry-After": "10"], cause: self)
        case .outcomeUnknown:
            Problem(
                .overloaded,
                detail: "The connection to the database was lost during COMMIT: the outcome is unknown. "
                    + "Read the data before you repeat the request.",
                headers: ["Retry-After": "5"],
                cause: self)
        case .duplicate, .reference, .check, .cancelled, .other:
            Problem(.internalError, cause: self)
        }
    }
}

extension Problem {
    /// The problem that a method of ``Database`` throws for `error`: problems unchanged, storage errors as
    /// ``StorageError/problem``, anything else as an internal error with its cause.
    package static func leavingStorage(_ error: any Error) -> Problem {
        switch error {
        case let problem as Problem: problem
        case let failure as StorageError: failure.problem
        default: Problem(.internalError, cause: error)
        }
    }
}
