import Assistant
import Modules
import Synchronization

/// The state of this installation, found when it is asked for.
final class MonitoringService: Sendable {
    private let operations: OperationRoutes
    private let health: DetailedHealthService
    private let activity: AssistantActivity
    private let load: MachineLoad
    private let startedAt: Instant
    private let testsCounted = Mutex<Int64>(0)

    private static let testMetric = "gatehouse_monitoring_tests_total"

    init(
        operations: OperationRoutes, health: DetailedHealthService, activity: AssistantActivity, load: MachineLoad,
        startedAt: Instant
    ) {
        self.operations = operations
        self.health = health
        self.activity = activity
        self.load = load
        self.startedAt = startedAt
        operations.metrics.describe(Self.testMetric, "Requests to GET /v1/monitoring/test-metrics.")
    }

    func status() async -> MonitoringStatus {
        let (health, jobs) = await health.checkWithJobs()
        return await status(with: health, jobs)
    }

    func alerts() async -> AlertList {
        let alerts = Self.alerts(load.reading, sessions: await activeSessions())
        return AlertList(alerts: alerts, total: alerts.count, timestamp: operations.runtime.now())
    }

    func dashboard() async -> MonitoringDashboard {
        let (health, jobs) = await health.checkWithJobs()
        let status = await status(with: health, jobs)
        let reading = MachineLoad.Reading(cpuPercent: status.cpuPercent, memoryPercent: status.memoryPercent)
        return MonitoringDashboard(
            status: status, components: health.components,
            alerts: Self.alerts(reading, sessions: status.activeSessions), timestamp: health.timestamp)
    }

    func countTest() -> CountedTestMetric {
        operations.metrics.increment(Self.testMetric)
        let value = testsCounted.withLock { count in
            count += 1
            return count
        }
        return CountedTestMetric(
            name: Self.testMetric, value: value, message: "Counted: /metrics of this process has the number.")
    }

    private func status(with health: DetailedHealth, _ counts: JobCounts?) async -> MonitoringStatus {
        let reading = load.reading
        return MonitoringStatus(
            status: health.overall, version: gatehouseVersion,
            environment: operations.configuration.environment.rawValue, startedAt: startedAt,
            uptimeSeconds: max(0, (operations.runtime.now() - startedAt).microseconds / 1_000_000),
            cpuPercent: reading.cpuPercent, memoryPercent: reading.memoryPercent, memoryBytes: reading.memoryBytes,
            processMemoryBytes: reading.processMemoryBytes, activeSessions: await activeSessions(),
            jobsWaiting: counts?.available, jobsRunning: counts?.leased, jobsDead: counts?.dead,
            timestamp: health.timestamp)
    }

    /// Nil while the database does not answer.
    private func activeSessions() async -> Int64? {
        try? await Deadline.run(within: OperationRoutes.databaseWait) { [activity] in
            try await activity.activeSessions()
        }
    }

    private static func alerts(_ reading: MachineLoad.Reading, sessions: Int64?) -> [Alert] {
        [
            Alert(.cpu, reading.cpuPercent), Alert(.memory, reading.memoryPercent),
            Alert(.sessions, sessions.map(Double.init)),
        ].compactMap { $0 }
    }
}
