import Audit
import Modules
import StorageSQLite

/// Moves an installation from SQLite to an empty database on PostgreSQL. No process of it may run.
///
/// Everything is written in one transaction of the target, which ends with a comparison: where anything fails, the
/// target stays empty. The source is only read; files and keys stay in the data folder.
package struct MoveService: Sendable {
    private let source: Configuration
    private let target: Configuration

    /// - Parameters:
    ///   - source: of the installation.
    ///   - target: the same, with the URL of the other database.
    package init(_ source: Configuration, to target: Configuration) { (self.source, self.target) = (source, target) }

    /// - Parameter onProgress: called for each batch of rows, on a thread of the driver.
    /// - Throws: ``MoveFault`` where the installation cannot be moved; `UnusableDatabase` for the source, also where a
    ///   process uses it; the problem of a database that does not answer or is of another version.
    package func move(onProgress: @escaping @Sendable (MoveProgress) -> Void) async throws -> MoveOutcome {
        guard let path = source.sqlitePath else {
            throw MoveFault(
                "The database of this installation is on PostgreSQL already: see DATABASE_URL or --database. SQLite is "
                    + "moved; PostgreSQL is copied by `gatehouse backup` and `gatehouse restore`.")
        }
        guard target.sqlitePath == nil else {
            throw MoveFault("The target is not on PostgreSQL: give --to postgresql://user@host/database.")
        }
        let file = try SQLiteSource(path)
        do {
            let move = try MoveTransaction(from: file, at: path, onProgress: onProgress)
            let outcome = try await withOpenDatabase(target) { database in
                try await database.migrate { try move.run(in: $0) }
            }
            try file.close()
            return outcome
        } catch {
            try? file.close()
            throw Self.explained(error)
        }
    }

    /// Starts the system on the target, and checks it as `gatehouse verify` and `gatehouse audit verify` do.
    package func verify() async throws -> MoveVerification {
        try await App.with(target) { app in
            MoveVerification(
                faults: try await allInvariants.faults(in: app.database),
                audit: try await app.audit.verification.verify())
        }
    }

    /// The target is as it was after each of these errors but one.
    private static func explained(_ error: any Error) -> any Error {
        guard let problem = error as? Problem else { return error }
        switch problem.cause {
        case let fault as MoveFault: return fault
        case let error as StorageError where error.kind == .outcomeUnknown:
            return MoveFault(
                """
                The connection to the target was lost when everything was written, and the outcome is unknown \
                (\(error.message)). Where the target has tables now, it has all rows: `gatehouse verify` and `gatehouse \
                audit verify` check them. Otherwise move again.
                """)
        case let error as StorageError where ![.connectionLost, .overloaded].contains(error.kind):
            return MoveFault("The database refused, and nothing was moved: \(error.message) (\(error.code)).")
        default: return problem
        }
    }
}
