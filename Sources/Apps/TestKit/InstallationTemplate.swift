import App
import Foundation
import Modules

/// An installation after its first start. It is created once a process and copied for each test, because migrations
/// and the generation of an RSA key take most of the time of a start.
///
/// The template holds what a first start writes at the time of a new ``TestClock``: the schema, a signing key for
/// RS256, the built-in plans, and the secret that sealed values are encrypted under.
actor InstallationTemplate {
    static let shared = InstallationTemplate()

    struct Files: Sendable {
        let database: TestDatabaseLocation
        /// The text of `secret.key` in the data folder.
        let secret: Data
    }

    private var templates: [Engine: Task<Files, any Error>] = [:]

    /// - Parameter configuration: the settings that all tests have in common.
    func files(_ engine: Engine, _ configuration: Configuration) async throws -> Files {
        let task = templates[engine] ?? Task { try await Self.make(engine, configuration) }
        templates[engine] = task
        return try await task.value
    }

    private static func make(_ engine: Engine, _ configuration: Configuration) async throws -> Files {
        let place = try await TestDatabaseLocation.make(engine)
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "gatehouse-template-\(Hex.encode(Runtime.system.randomBytes(8)))")
        defer { try? FileManager.default.removeItem(at: folder) }
        var configuration = configuration
        configuration.dataFolder = folder.path()
        configuration.databaseURL = place.configurationURL
        let clock = TestClock()
        let runtime = Runtime(now: { clock.now }, randomBytes: Runtime.system.randomBytes)
        let dependencies = AppDependencies(
            runtime: runtime, clock: { clock.now }, logOutput: LogOutput(keepsLines: true))
        let app = try await buildApp(configuration, in: dependencies)
        try await attempt {
            try await app.runner.registerSchedules()
        } finally: {
            await app.close()
        }
        return Files(database: place, secret: try Data(contentsOf: folder.appending(path: "secret.key")))
    }
}
