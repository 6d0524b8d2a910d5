import App
import Foundation
import Modules
import NIOCore

/// The system with a service of models on this machine, and plans with limits of tokens.
struct ChatServer {
    let app: App

    static let model = "test-model"
    /// More than the connections of any measurement.
    private static let connectionsMax = 2_000

    /// - Parameters:
    ///   - folder: of the plans, the secrets and the files of all processes.
    ///   - database: the value of `DATABASE_URL`; SQLite in the folder by default.
    ///   - upstream: the base URL of the service, which has OpenAI's API.
    ///   - limits: tokens of each plan; -1 for as many as are used.
    init(
        folder: String, database: String? = nil, upstream: String, limits: [Int64],
        dependencies: AppDependencies = AppDependencies()
    ) async throws {
        let plans = "\(folder)/plans.yaml"
        let lines = limits.indices.map { number in
            "  - { id: \(Self.plan(number)), name: Plan \(number), start: anyone, "
                + "limits: { tokens: \(limits[number]) }, file_mb: 1, storage_mb: 1 }"
        }
        try (["meters: { tokens: Token }", "plans:"] + lines).joined(separator: "\n")
            .write(toFile: plans, atomically: true, encoding: .utf8)
        var configuration = Configuration()
        configuration.dataFolder = folder
        configuration.databaseURL = database ?? "sqlite:\(folder)/gatehouse.db"
        configuration.plansFile = plans
        configuration.limitsRates = false
        configuration.accessTokenLifetime = .hours(23)
        configuration.bcryptRounds = 4
        configuration.poolSize = 12
        configuration.poolOverflow = 0
        configuration.poolTimeout = .seconds(60)
        configuration.logLevel = .critical
        configuration.openAIBaseURL = upstream
        configuration.openAIModel = Self.model
        app = try await buildApp(configuration, in: dependencies)
    }

    static func plan(_ number: Int) -> String { "tokens-\(number)" }

    /// Serves until the process is stopped.
    func serve(on group: any EventLoopGroup, onRunning: @escaping @Sendable (Int) -> Void) async throws {
        try await app.serve(
            app.dispatcher, connectionsMax: Self.connectionsMax, on: group, onRunning: onRunning)
    }
}
