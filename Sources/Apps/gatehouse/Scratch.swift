import App
import Foundation
import Modules

/// A folder that is gone afterwards, for what must never touch an installation.
enum Scratch {
    static func withFolder<Result>(_ body: (String) async throws -> Result) async throws -> Result {
        let folder = FileManager.default.temporaryDirectory.appending(
            path: "gatehouse-\(UUID().uuidString.lowercased())"
        ).path
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        defer { try? FileManager.default.removeItem(atPath: folder) }
        return try await body(folder)
    }

    /// The whole system, wired on a database of its own, without a port: for asking it about itself.
    static func withApp<Result>(_ body: (App) async throws -> Result) async throws -> Result {
        try await withFolder { folder in
            var configuration = Configuration()
            configuration.environment = .test
            configuration.dataFolder = folder
            configuration.databaseURL = "sqlite:\(folder)/gatehouse.db"
            configuration.logLevel = .critical
            let app = try await buildApp(configuration)
            do {
                let result = try await body(app)
                await app.database.close()
                return result
            } catch {
                await app.database.close()
                throw error
            }
        }
    }
}
