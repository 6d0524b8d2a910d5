import App
package import Foundation
import Modules
import StoragePostgres

/// An installation of an earlier version with data in every module, on both engines: a folder in Tests/Cases/upgrades.
///
/// It has for each engine a description (``Installation``) and an archive of the data folder: the keys, the files, the
/// audit checkpoint, and the database, as SQLite's file or as SQL.
package struct UpgradeFixture: Sendable, CustomStringConvertible {
    private let folder: URL

    package var description: String { folder.lastPathComponent }

    /// What is known of an installation.
    package struct Installation: Codable, Sendable {
        package let version: String
        package let email: String
        package let password: String
        /// The names of the applied migrations.
        package let migrations: [String]
    }

    /// The kept fixtures, the oldest first.
    package static var all: [UpgradeFixture] {
        let root = Repository.url("Tests/Cases/upgrades")
        return ((try? FileManager.default.contentsOfDirectory(atPath: root.path())) ?? []).sorted()
            .map { UpgradeFixture(folder: root.appending(path: $0)) }
            .filter { FileManager.default.fileExists(atPath: $0.description(.sqlite).path()) }
    }

    package func installation(_ engine: Engine) throws -> Installation {
        try JSONDecoder().decode(Installation.self, from: Data(contentsOf: description(engine)))
    }

    private func description(_ engine: Engine) -> URL { folder.appending(path: "\(engine.rawValue).json") }
    private func archive(_ engine: Engine) -> URL { folder.appending(path: "\(engine.rawValue).tar.xz") }
    private static func databaseName(_ engine: Engine) -> String { engine == .sqlite ? "gatehouse.db" : "database.sql" }
}

// MARK: - Opening

extension UpgradeFixture {
    /// Runs `body` with the present system on a copy of the installation, at the time when it was made.
    package func withSystem(_ engine: Engine, _ body: (TestApp) async throws -> Void) async throws {
        try await TemporaryFolder.with { data in
            try TestProgram.run(
                "/usr/bin/env",
                ["tar", "--extract", "--xz", "--file=\(archive(engine).path())", "--directory=\(data.path())"])
            try await withDatabasePlace(engine) { place in
                try Self.load(data.appending(path: Self.databaseName(engine)), into: place)
                try await Self.withSystem(engine, place, data, body)
            }
        }
    }

    private static func load(_ database: URL, into place: TestDatabaseLocation) throws {
        switch place.engine {
        case .sqlite:
            let file = URL(filePath: place.address)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try FileManager.default.moveItem(at: database, to: file)
        case .postgres:
            try TestProgram.run(
                try PostgresDump.path(of: "psql"),
                [
                    "--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", "--output=/dev/null",
                    "--file=\(database.path())", "--dbname=\(place.address)",
                ])
        }
    }

    private static func withSystem(
        _ engine: Engine, _ place: TestDatabaseLocation, _ data: URL, _ body: (TestApp) async throws -> Void
    ) async throws {
        var configuration = Configuration.test
        configuration.dataFolder = data.path()
        configuration.databaseURL = place.configurationURL
        let (clock, log) = (TestClock(), LogOutput(keepsLines: true))
        let runtime = Runtime(now: { clock.now }, randomBytes: Runtime.system.randomBytes)
        let app = try await buildApp(
            configuration, in: AppDependencies(runtime: runtime, clock: { clock.now }, logOutput: log))
        try await attempt {
            try await body(TestApp(app: app, clock: clock, engine: engine, log: log))
        } finally: {
            await app.close()
        }
    }
}

// MARK: - Writing

extension UpgradeFixture {
    /// The bytes that an archive may have: fixtures stay in the repository.
    private static let archiveBytesMax = 300_000

    /// Statements and commands of newer versions of pg_dump, which earlier servers and programs refuse.
    private static let refusedLines = ["SET transaction_timeout", "\\restrict", "\\unrestrict"]

    /// Writes a fixture of the present version. PostgreSQL has to be available.
    /// - Parameter folder: a new one.
    package static func write(to folder: URL) async throws {
        let fixture = UpgradeFixture(folder: folder)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        for engine in Engine.allCases {
            try await withTestApp(engine) { app in
                let owner = try await SampleInstallation(app).owner
                let migrations = try await app.app.database.read { try Migrator.applied(in: $0) }
                // SQLite's file has everything when it is closed.
                await app.app.close()
                try await fixture.writeArchive(of: app)
                let installation = Installation(
                    version: gatehouseVersion, email: owner.email, password: owner.password, migrations: migrations)
                try (try encoder.encode(installation) + Data("\n".utf8)).write(to: fixture.description(engine))
            }
        }
    }

    private func writeArchive(of app: TestApp) async throws {
        try await TemporaryFolder.with { folder in
            let data = URL(filePath: app.app.configuration.dataFolder)
            for name in ["secret.key", "audit-checkpoint.json", "files"] {
                try FileManager.default.copyItem(at: data.appending(path: name), to: folder.appending(path: name))
            }
            try Self.writeDatabase(of: app, to: folder.appending(path: Self.databaseName(app.engine)))
            let archive = archive(app.engine)
            try TestProgram.run(
                "/usr/bin/env",
                [
                    "XZ_OPT=-9e", "tar", "--create", "--xz", "--file=\(archive.path())", "--owner=0", "--group=0",
                    "--numeric-owner", "--sort=name", "--directory=\(folder.path())", ".",
                ])
            let bytes = try FileManager.default.attributesOfItem(atPath: archive.path())[.size] as? Int ?? 0
            guard bytes <= Self.archiveBytesMax else { throw TooLarge(file: archive.path(), bytes: bytes) }
        }
    }

    private static func writeDatabase(of app: TestApp, to file: URL) throws {
        let address = app.app.configuration.databaseURL
        switch app.engine {
        case .sqlite:
            try FileManager.default.copyItem(atPath: String(address.dropFirst("sqlite:".count)), toPath: file.path())
        case .postgres:
            let dump = try TestProgram.run(
                try PostgresDump.path(of: "pg_dump"), ["--no-owner", "--no-privileges", "--dbname=\(address)"])
            let lines = String(decoding: dump, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
                .filter { line in !refusedLines.contains { line.hasPrefix($0) } }
            try Data(lines.joined(separator: "\n").utf8).write(to: file)
        }
    }

    package struct TooLarge: Error {
        package let file: String
        package let bytes: Int
    }
}
