import Base
import Foundation
import MessagingRedis
import Telemetry
import TestKit

@testable import Rates

/// A node of an installation that shares rates through Redis.
struct RedisNodeFixture: Sendable {
    let client: RedisClient
    let store: RedisRateStore
    let prefix: String

    static func with(
        _ address: String, prefix: String = "gatehouse-test:\(UUID().uuidString):",
        clock: @escaping @Sendable () -> Int64 = LocalRateStore.uptime,
        metrics: Metrics = Metrics(), isAway: @escaping @Sendable () -> Bool = { false },
        _ body: (RedisNodeFixture) async throws -> Void
    ) async throws {
        var settings = RedisSettings(address: try RedisAddress(address))
        settings.commandTimeout = .seconds(2)
        settings.backoff.longest = .milliseconds(20)
        let client = RedisClient(settings)
        let scripts = [
            RedisRateStore.Script.take: RedisScript(RedisRateStore.Script.take.source),
            .countNodes: RedisScript(RedisRateStore.Script.countNodes.source),
        ]
        let store = RedisRateStore(
            prefix: prefix, local: LocalRateStore(capacity: 512, clock: clock), metrics: metrics,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            runtime: .system, clock: clock
        ) { script, keys, arguments in
            if isAway() { throw CancellationError() }
            guard let redisScript = scripts[script] else { return [] }
            return try await client.run(redisScript, keys: keys, arguments: arguments).array?.compactMap(\.integer)
                ?? []
        }
        try await attempt {
            try await body(RedisNodeFixture(client: client, store: store, prefix: prefix))
        } finally: {
            await client.close()
        }
    }
}
