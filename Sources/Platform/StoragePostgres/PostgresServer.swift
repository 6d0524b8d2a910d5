import Base
package import Storage

/// Statements of a server that run outside of a transaction: creating and dropping databases.
package enum PostgresServer {
    /// - Parameters:
    ///   - name: of the program itself, never of a client; so is `template`.
    ///   - template: a database without sessions that is copied.
    package static func createDatabase(
        _ name: String, copying template: String? = nil, at url: String
    ) async throws(StorageError) {
        let source = template.map { " TEMPLATE \"\($0)\"" } ?? ""
        try await AdministrationSession(url: url).run { session throws(StorageError) in
            // The other strategy writes each page to the log, for twice the processor time. It came, and became
            // the default, with version 15.
            let strategy = session.serverVersion >= 150_000 ? " STRATEGY FILE_COPY" : ""
            try session.query("CREATE DATABASE \"\(name)\"\(source)\(strategy)")
        }
    }

    /// Drops a database, and ends its remaining sessions.
    package static func dropDatabase(_ name: String, at url: String) async throws(StorageError) {
        try await AdministrationSession(url: url).run { session throws(StorageError) in
            try session.query("DROP DATABASE IF EXISTS \"\(name)\" WITH (FORCE)")
        }
    }
}

/// One statement on a session of its own, retried while the server starts or has no connection left.
private actor AdministrationSession {
    private static let triesMax = 20
    private let executor = BlockingExecutor(label: "postgres-administration")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
    private let url: String

    init(url: String) { self.url = url }

    func run(_ statement: @Sendable (PostgresSession) throws(StorageError) -> Void) async throws(StorageError) {
        for _ in 1..<Self.triesMax {
            do throws(StorageError) {
                return try statement(PostgresSession(url: url))
            } catch {
                guard error.kind == .connectionLost else { throw error }
            }
            try? await Task.sleep(for: .milliseconds(250))
        }
        try statement(PostgresSession(url: url))
    }
}
