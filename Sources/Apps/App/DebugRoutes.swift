import Identity
import Modules

/// The endpoints for developers of an installation: the health of its parts, its settings and its metrics.
struct DebugRoutes: Sendable {
    let operations: OperationRoutes
    let health: DetailedHealthService
    let startedAt: Instant

    var routes: [Route] {
        [
            .get("debug/info", "Version, environment and start of the process", requires: developer) { _ in
                ProcessInformation(
                    version: gatehouseVersion, environment: operations.configuration.environment.rawValue,
                    database: operations.database.dialect.name, startedAt: startedAt,
                    uptimeSeconds: max(0, (operations.runtime.now() - startedAt).microseconds / 1_000_000))
            },
            .get("debug/health/detailed", "The health of each part, tried now", requires: developer) {
                [health] _ in await health.check()
            }.alias("monitoring/health"),
            .get("debug/config", "The settings in effect; a secret is set or not set", requires: developer) { _ in
                SettingList(
                    settings: operations.configuration.settings.map {
                        SettingView(name: $0.name, value: $0.value, meaning: $0.meaning)
                    })
            },
            .get("debug/metrics", "The metrics, as at /metrics", requires: developer) { _ in
                await operations.metricsText()
            }.alias("monitoring/metrics"),
        ]
    }

    private var developer: RoleRequirement { operations.identity.role(.developer) }
}

struct ProcessInformation: Payload {
    var version: String
    var environment: String
    var database: String
    var startedAt: Instant
    var uptimeSeconds: Int64
}

struct SettingView: Codable, Sendable {
    var name: String
    /// Empty where it is not set and has no default.
    var value: String
    var meaning: String
}

struct SettingList: Payload {
    var settings: [SettingView]
}
