package import Base
import Foundation
package import Storage
import StoragePostgres
import StorageSQLite

/// A private SQLite file or PostgreSQL database. It can be opened several times, as by several processes.
package struct TestDatabaseLocation: Sendable {
    package let engine: Engine
    /// The path of the file, or the URL of the database.
    package let address: String
    /// The value of `DATABASE_URL`.
    package var configurationURL: String { engine == .sqlite ? "sqlite:\(address)" : address }

    package init(engine: Engine, address: String) { (self.engine, self.address) = (engine, address) }

    /// - Parameter clock: the time of transactions; nil for the engine's clock.
    package func open(clock: (@Sendable () -> Instant)? = nil) throws -> any Database {
        switch engine {
        case .sqlite:
            try SQLiteDatabase(path: address, readers: 2, clock: clock ?? Runtime.system.now)
        case .postgres:
            try PostgresDatabase(url: address, poolSize: 4, overflow: 2, acquireTimeout: .seconds(10), clock: clock)
        }
    }
}

/// Runs `body` with an empty private database, which is removed afterwards, also after an error.
package func withDatabase<Result>(
    _ engine: Engine, clock: (@Sendable () -> Instant)? = nil, _ body: (any Database) async throws -> Result
) async throws -> Result {
    try await withDatabasePlace(engine) { place in
        let database = try place.open(clock: clock)
        return try await attempt {
            try await body(database)
        } finally: {
            await database.close()
        }
    }
}

/// Runs `body` with a private database, which is removed afterwards, also after an error. `body` opens and closes it.
/// - Parameter template: a database that is copied; nil for an empty one.
package func withDatabasePlace<Result>(
    _ engine: Engine, copying template: TestDatabaseLocation? = nil,
    _ body: (TestDatabaseLocation) async throws -> Result
) async throws -> Result {
    let place = try await TestDatabaseLocation.make(engine, copying: template)
    do {
        let result = try await body(place)
        try await place.remove()
        return result
    } catch {
        try? await place.remove()
        throw error
    }
}

extension TestDatabaseLocation {
    /// Creates a database with a random name.
    /// - Parameter template: a database of the same engine without connections.
    static func make(_ engine: Engine, copying template: TestDatabaseLocation? = nil) async throws
        -> TestDatabaseLocation
    {
        let name = "gatehouse_test_" + Hex.encode(Runtime.system.randomBytes(8))
        switch engine {
        case .sqlite:
            let folder = FileManager.default.temporaryDirectory.appendingPathComponent(name)
            let file = folder.appendingPathComponent("gatehouse.db")
            if let template {
                try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
                try FileManager.default.copyItem(at: URL(filePath: template.address), to: file)
            }
            return TestDatabaseLocation(engine: engine, address: file.path)
        case .postgres:
            guard let server = Engine.postgresAddress, var address = URLComponents(string: server) else {
                throw NoPostgres()
            }
            try await PostgresServer.createDatabase(name, copying: template?.databaseName, at: server)
            address.path = "/" + name
            return TestDatabaseLocation(engine: engine, address: address.string ?? server)
        }
    }

    func remove() async throws {
        switch engine {
        case .sqlite: try? FileManager.default.removeItem(at: URL(filePath: address).deletingLastPathComponent())
        case .postgres:
            guard let server = Engine.postgresAddress else { throw NoPostgres() }
            try await PostgresServer.dropDatabase(databaseName, at: server)
        }
    }

    /// The last part of the address of a PostgreSQL database.
    private var databaseName: String { String(address[address.lastIndex(of: "/").map(address.index(after:))!...]) }
}

/// `GATEHOUSE_TEST_POSTGRES` holds no URL.
package struct NoPostgres: Error {}
