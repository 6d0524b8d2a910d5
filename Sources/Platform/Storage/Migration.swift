package import Base

/// One step of the schema's history: named, ordered, and never edited once released.
package struct Migration: Sendable {
    /// `<module>-<number>-<what>`, such as `identity-001-accounts`.
    package let name: String
    package let statements: [SQL]

    package init(_ name: String, _ statements: SQL...) { self.init(name, statements: statements) }

    package init(_ name: String, statements: [SQL]) {
        self.name = name
        self.statements = statements
    }

    /// FNV-1a over the text for SQLite, to detect an edited migration. It detects mistakes, not attacks.
    var fingerprint: String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for statement in statements {
            for byte in statement.rendered(for: .sqlite).text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        }
        return String(hash, radix: 16)
    }
}

/// Migrates a database to the schema of this binary.
package struct Migrator: Sendable {
    package let migrations: [Migration]

    package init(_ migrations: [Migration]) {
        let names = migrations.map(\.name)
        precondition(Set(names).count == names.count, "two migrations share a name: \(names)")
        self.migrations = migrations
    }

    /// Applies the missing migrations, in order, in one transaction and under the database's migration lock.
    /// - Parameter dryRun: only reports; nothing is changed.
    /// - Returns: the names of the applied (or, with `dryRun`, the missing) migrations.
    /// - Throws: ``MigrationFault`` as the cause of an internal error, when the database is newer than this binary or a
    ///   released migration was edited.
    @discardableResult
    package func run(on database: some Database, dryRun: Bool = false) async throws(Problem) -> [String] {
        do {
            return try await apply(to: database, dryRun: dryRun)
        } catch let problem where problem.cause is DryRun {
            return (problem.cause as? DryRun)?.missing ?? []
        }
    }

    /// The names of the migrations of a database, in the order in which they were applied.
    package static func applied(in transaction: Transaction) throws -> [String] {
        try transaction.all("SELECT name FROM schema_migrations ORDER BY applied_at, name") { try $0["name"] }
    }

    /// The result of a dry run. Thrown, so that the transaction rolls back.
    private struct DryRun: Error {
        let missing: [String]
    }

    private func apply(to database: some Database, dryRun: Bool) async throws(Problem) -> [String] {
        try await database.migrate { transaction in
            try createTable(in: transaction)
            if dryRun { throw DryRun(missing: try missing(in: transaction).map(\.name)) }
            return try apply(in: transaction)
        }
    }

    /// Applies the missing migrations in a transaction of ``Database/migrate(_:)``.
    /// - Returns: as ``run(on:dryRun:)``.
    /// - Throws: ``MigrationFault``.
    @discardableResult
    package func apply(in transaction: Transaction) throws -> [String] {
        try createTable(in: transaction)
        let missing = try missing(in: transaction)
        for migration in missing {
            for statement in migration.statements { try transaction.execute(statement) }
            try transaction.execute(
                """
                INSERT INTO schema_migrations (name, fingerprint, applied_at)
                VALUES (\(migration.name), \(migration.fingerprint), \(transaction.now))
                """
            )
        }
        return missing.map(\.name)
    }

    /// The migrations that a database lacks, in their order. It must have the table of migrations.
    /// - Throws: ``MigrationFault``.
    package func missing(in transaction: Transaction) throws -> [Migration] {
        let applied = try transaction.all("SELECT name, fingerprint FROM schema_migrations") {
            (name: try $0["name"] as String, fingerprint: try $0["fingerprint"] as String)
        }
        let known = Dictionary(uniqueKeysWithValues: migrations.map { ($0.name, $0.fingerprint) })
        for step in applied {
            guard let fingerprint = known[step.name] else { throw MigrationFault.databaseIsNewer(step.name) }
            guard fingerprint == step.fingerprint else { throw MigrationFault.edited(step.name) }
        }
        let names = Set(applied.map(\.name))
        return migrations.filter { !names.contains($0.name) }
    }

    private func createTable(in transaction: Transaction) throws {
        try transaction.execute(
            """
            CREATE TABLE IF NOT EXISTS schema_migrations (
                name TEXT PRIMARY KEY NOT NULL,
                fingerprint TEXT NOT NULL,
                applied_at \(.integer) NOT NULL
            ) \(.strict)
            """
        )
    }
}

package enum MigrationFault: Error, CustomStringConvertible {
    case databaseIsNewer(String)
    case edited(String)

    package var description: String {
        switch self {
        case .databaseIsNewer(let name):
            "The database has the migration '\(name)', which this version of gatehouse does not have. "
                + "Run the newer version, or restore a backup from before it ran."
        case .edited(let name):
            "The migration '\(name)' differs from the one that was applied to this database. "
                + "Released migrations are never edited; add a new one."
        }
    }
}
