import Identity
import Modules

/// The endpoints of those who watch an installation.
struct MonitoringRoutes: Sendable {
    let monitoring: MonitoringService
    let recentLog: RecentLog
    let logger: Logger
    let identity: IdentityModule
    let runtime: Runtime

    var routes: [Route] {
        [
            .get(
                "debug/logs", "The newest lines that this process has logged, without secrets", requires: developer,
                .query("lines", 1...RecentLog.linesMax, default: 100),
                .query("level", oneOf: Logger.Level.allCases.map(\.rawValue))
            ) { [recentLog] _, lines, level in
                let found = recentLog.lines(lines, from: level.flatMap(Logger.Level.init(rawValue:)) ?? .trace)
                return LogLineList(logs: found.map(LogLineView.init), total: found.count)
            },
            .post(
                "debug/test/error", "Log an error, to see that it arrives where errors are watched",
                requires: developer
            ) { [logger, runtime] _ in
                let reference = runtime.id(of: LoggedTestError.self).text
                logger.error("a test error, which a developer has asked for", metadata: ["reference": "\(reference)"])
                return LoggedTestError(message: "An error with this reference was logged.", reference: reference)
            },
            .post(
                "debug/cache/clear", "Clear cached values: none is used for longer than half a second",
                requires: developer
            ) { _ in
                ClearedCaches(message: "No cached value is used for longer than half a second.", cleared: 0)
            },
            .get("monitoring/status", "The state of this process and its machine", requires: developer) {
                [monitoring] _ in await monitoring.status()
            },
            .get("monitoring/dashboard", "The state, the health of each part and the alerts", requires: developer) {
                [monitoring] _ in await monitoring.dashboard()
            },
            .get(
                "monitoring/alerts", "Processors or memory above 80 %, or more than 100 active sessions, now",
                requires: developer
            ) { [monitoring] _ in await monitoring.alerts() },
            .get(
                "monitoring/test-metrics", "Count a metric, to see that it arrives where metrics are collected",
                requires: developer
            ) { [monitoring] _ in monitoring.countTest() },
        ]
    }

    private var developer: RoleRequirement { identity.role(.developer) }
}
