package import Modules

extension App {
    /// Runs `body` with the system of `configuration`, which is closed afterwards, also after an error.
    /// - Throws: what ``buildApp(_:in:)`` and `body` throw.
    package static func with<Result>(
        _ configuration: Configuration, _ body: (App) async throws -> Result
    ) async throws -> Result {
        let app = try await buildApp(configuration)
        return try await attempt {
            try await body(app)
        } finally: {
            await app.close()
        }
    }
}

/// Runs `body` with the configured database, which is closed afterwards, also after an error. The schema is not
/// changed.
package func withOpenDatabase<Result>(
    _ configuration: Configuration, _ body: (any Database) async throws -> Result
) async throws -> Result {
    let database = try openDatabase(configuration)
    return try await attempt {
        try await body(database)
    } finally: {
        await database.close()
    }
}
