import Base
package import Storage

/// A server's chores, which do not run in transactions: making and dropping databases.
package enum PostgresServer {
    /// - Parameters:
    ///   - name: comes from the program itself, never from a caller, and so does `template`.
    ///   - template: a database without connections that is copied.
    package static func createDatabase(
        _ name: String, copying template: String? = nil, at url: String
    ) async throws(StorageError) {
        let source = template.map { " TEMPLATE \"\($0)\"" } ?? ""
        try await Chore(url: url).run("CREATE DATABASE \"\(name)\"\(source)")
    }

    /// Drops a database, and ends whatever connections it still has.
    package static func dropDatabase(_ name: String, at url: String) async throws(StorageError) {
        try await Chore(url: url).run("DROP DATABASE IF EXISTS \"\(name)\" WITH (FORCE)")
    }
}

/// One statement on a connection of its own. A server that has no connection left for it, or is just starting, is given some time.
private actor Chore {
    private static let triesMax = 20
    private let executor = BlockingExecutor(label: "postgres-chore")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
    private let url: String

    init(url: String) { self.url = url }

    func run(_ text: String) async throws(StorageError) {
        for _ in 1..<Self.triesMax {
            do throws(StorageError) {
                _ = try PostgresLink(url: url).ask(text)
                return
            } catch {
                guard error.kind == .connectionLost else { throw error }
            }
            try? await Task.sleep(for: .milliseconds(250))
        }
        _ = try PostgresLink(url: url).ask(text)
    }
}
