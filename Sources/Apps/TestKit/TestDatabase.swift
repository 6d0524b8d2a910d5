package import Base
import Foundation
package import Storage
import StoragePostgres
import StorageSQLite

/// The engines that tests run on: SQLite always, PostgreSQL where `GATEHOUSE_TEST_POSTGRES` holds the address of a server whose user
/// may create databases, such as `postgresql://gatehouse@127.0.0.1:54329/postgres`.
package enum Engine: String, CaseIterable, Sendable {
    case sqlite, postgres

    package static var available: [Engine] { postgresAddress == nil ? [.sqlite] : allCases }

    static var postgresAddress: String? {
        ProcessInfo.processInfo.environment["GATEHOUSE_TEST_POSTGRES"].flatMap { $0.isEmpty ? nil : $0 }
    }
}

/// A private place for databases: a folder, or a database on the server. Several may be opened on it, as several processes would.
package struct TestDatabasePlace: Sendable {
    package let engine: Engine
    /// The file's path, or the database's address.
    package let address: String

    /// - Parameter clock: the time that transactions begin at; nil is the engine's own.
    package func open(clock: (@Sendable () -> Instant)? = nil) throws -> any Database {
        switch engine {
        case .sqlite:
            try SQLiteDatabase(path: address, readers: 2, clock: clock ?? Runtime.system.now)
        case .postgres:
            try PostgresDatabase(url: address, poolSize: 4, overflow: 2, acquireTimeout: .seconds(10), clock: clock)
        }
    }
}

/// Runs `body` with an empty database of its own, which is gone afterwards, however `body` ends.
package func withDatabase<Result>(
    _ engine: Engine, clock: (@Sendable () -> Instant)? = nil, _ body: (any Database) async throws -> Result
) async throws -> Result {
    try await withDatabasePlace(engine) { place in
        let database = try place.open(clock: clock)
        do {
            let result = try await body(database)
            await database.close()
            return result
        } catch {
            await database.close()
            throw error
        }
    }
}

/// Runs `body` with a place for databases, which is gone afterwards, however `body` ends. What `body` opens there it closes.
package func withDatabasePlace<Result>(_ engine: Engine, _ body: (TestDatabasePlace) async throws -> Result)
    async throws -> Result
{
    let name = "gatehouse_test_" + Hex.encode(Runtime.system.randomBytes(8))
    switch engine {
    case .sqlite:
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(name)
        defer { try? FileManager.default.removeItem(at: folder) }
        return try await body(
            TestDatabasePlace(engine: engine, address: folder.appendingPathComponent("gatehouse.db").path))
    case .postgres:
        guard let server = Engine.postgresAddress, var address = URLComponents(string: server) else {
            throw NoPostgres()
        }
        try await PostgresServer.createDatabase(name, at: server)
        address.path = "/" + name
        do {
            let result = try await body(TestDatabasePlace(engine: engine, address: address.string ?? server))
            try await PostgresServer.dropDatabase(name, at: server)
            return result
        } catch {
            try? await PostgresServer.dropDatabase(name, at: server)
            throw error
        }
    }
}

/// `GATEHOUSE_TEST_POSTGRES` holds no address.
package struct NoPostgres: Error {}
