import Files
import MessagingRedis
import Modules

/// The health of each part of the installation.
final class DetailedHealthService: Sendable {
    private let operations: OperationRoutes
    private let files: FileStore

    init(operations: OperationRoutes, files: FileStore) {
        self.operations = operations
        self.files = files
    }

    /// Tries each part.
    func check() async -> DetailedHealth { await checkWithJobs().health }

    /// Tries each part.
    /// - Returns: the counts of jobs too, which are read for it; nil where they cannot be.
    func checkWithJobs() async -> (health: DetailedHealth, jobs: JobCounts?) {
        let database = await databaseHealth
        let (jobs, counts) = await jobHealth
        let parts = [database, jobs, await diskHealth, await redisHealth, modelHealth, clockHealth]
        let overall: PartHealth.Status =
            if parts.contains(where: { $0.status == .unhealthy && Self.isRequired.contains($0.name) }) {
                .unhealthy
            } else if parts.contains(where: { $0.status == .unhealthy || $0.status == .degraded }) {
                .degraded
            } else {
                .healthy
            }
        return (DetailedHealth(overall: overall, components: parts, timestamp: operations.runtime.now()), counts)
    }

    /// Without them nothing works.
    private static let isRequired: Set<String> = ["database", "filesystem"]

    private var databaseHealth: PartHealth {
        get async {
            await part("database") {
                _ = try await Deadline.run(within: OperationRoutes.databaseWait) { [database = operations.database] in
                    try await database.read { $0.now }
                }
                if let failure = operations.database.writeFailure { throw failure }
                return (.healthy, nil)
            }
        }
    }

    private var jobHealth: (PartHealth, JobCounts?) {
        get async {
            var found: JobCounts?
            let health = await part("jobs") {
                let counts = try await operations.readQueue()
                found = counts
                let text = "\(counts.available) wait, \(counts.leased) run, \(counts.dead) are dead"
                return (counts.dead == 0 ? .healthy : .degraded, text)
            }
            return (health, found)
        }
    }

    private var diskHealth: PartHealth {
        get async {
            await part("filesystem") {
                let key = FileStore.Key("health", operations.runtime.id(of: PartHealth.self).text).asScratch
                var bytes: [UInt8]? = [0]
                _ = try await files.write(key, at: 0) {
                    defer { bytes = nil }
                    return bytes
                }
                try await files.remove(key)
                return (.healthy, nil)
            }
        }
    }

    private var redisHealth: PartHealth {
        get async {
            guard let redis = operations.limits.redis else { return PartHealth(name: "redis", status: .notConfigured) }
            return await part("redis") {
                guard try await redis.send("PING", isIdempotent: true) == .simple("PONG") else {
                    return (.unhealthy, "It does not answer.")
                }
                return (.healthy, nil)
            }
        }
    }

    /// A request to the service would cost something: it is not tried.
    private var modelHealth: PartHealth {
        let isConfigured = (try? operations.configuration.modelSettings) != nil
        return PartHealth(name: "models", status: isConfigured ? .configured : .notConfigured)
    }

    private var clockHealth: PartHealth {
        PartHealth(name: "clock", status: operations.clock.isRight ? .healthy : .degraded)
    }

    /// Tries a part.
    private func part(_ name: String, _ body: () async throws -> (PartHealth.Status, String?)) async -> PartHealth {
        let start = operations.runtime.now()
        var health = PartHealth(name: name, status: .unhealthy)
        do { (health.status, health.detail) = try await body() } catch {
            health.detail = (error as? Problem)?.title ?? "It does not work."
        }
        health.durationMs = max(0, (operations.runtime.now() - start).microseconds / 1_000)
        return health
    }
}

/// A part of the installation.
struct PartHealth: Codable, Sendable {
    enum Status: String, Codable, Sendable, CaseIterable {
        case healthy, degraded, unhealthy
        /// It is configured, and was not tried.
        case configured
        case notConfigured = "not_configured"
    }

    var name: String
    var status: Status
    var detail: String?
    /// Of the attempt.
    var durationMs: Int64?
}

struct DetailedHealth: Payload {
    var overall: PartHealth.Status
    var components: [PartHealth]
    var timestamp: Instant
}
