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
    /// The address as `DATABASE_URL` has it.
    package var configurationURL: String { engine == .sqlite ? "sqlite:\(address)" : address }

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

/// Runs `body` with a place for databases, which is removed afterwards, however `body` ends. `body` closes what it opens there.
/// - Parameter template: a database that is copied to the place; nil leaves it empty.
package func withDatabasePlace<Result>(
    _ engine: Engine, copying template: TestDatabasePlace? = nil, _ body: (TestDatabasePlace) async throws -> Result
) async throws -> Result {
    let place = try await TestDatabasePlace.make(engine, copying: template)
    do {
        let result = try await body(place)
        try await place.remove()
        return result
    } catch {
        try? await place.remove()
        throw error
    }
}

extension TestDatabasePlace {
    /// Makes a place with a random name.
    /// - Parameter template: a database of the same engine without connections.
    static func make(_ engine: Engine, copying template: TestDatabasePlace? = nil) async throws -> TestDatabasePlace {
        let name = "gatehouse_test_" + Hex.encode(Runtime.system.randomBytes(8))
        switch engine {
        case .sqlite:
            let folder = FileManager.default.temporaryDirectory.appendingPathComponent(name)
            let file = folder.appendingPathComponent("gatehouse.db")
            if let template {
                try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
                try FileManager.default.copyItem(at: URL(filePath: template.address), to: file)
            }
            return TestDatabasePlace(engine: engine, address: file.path)
        case .postgres:
            guard let server = Engine.postgresAddress, var address = URLComponents(string: server) else {
                throw NoPostgres()
            }
            try await PostgresServer.createDatabase(name, copying: template?.databaseName, at: server)
            address.path = "/" + name
            return TestDatabasePlace(engine: engine, address: address.string ?? server)
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

/// `GATEHOUSE_TEST_POSTGRES` holds no address.
package struct NoPostgres: Error {}
