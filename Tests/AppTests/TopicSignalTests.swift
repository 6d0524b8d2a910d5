import Base
import Foundation
import Identity
import Modules
import Realtime
import TestKit
import Testing

@testable import App

/// Signals of topics between nodes.
@Suite(.enabled(if: TestRedis.isAvailable)) struct TopicSignalTests {
    /// The nodes neither poll nor get notifications of the database: only Redis reports what the other one appends.
    @Test(arguments: Engine.available)
    func `a node learns by Redis that another one has appended`(engine: Engine) async throws {
        let address = try #require(TestRedis.sharedAddress)
        try await withTestApp(engine, change: { $0.redisURL = address }) { test in
            let person = try await test.register()
            let clock = test.clock
            let runtime = Runtime(now: { clock.now }, randomBytes: Runtime.system.randomBytes)
            let second = try await buildApp(
                test.app.configuration,
                in: AppDependencies(
                    runtime: runtime, clock: { clock.now }, logOutput: LogOutput(keepsLines: true)))
            let nodes = [test.app, second]
            for node in nodes { node.realtime.topics.register(TopicFamily("signals") { _, _, _ in true }) }
            let services = nodes.compactMap(\.topicSignals).map { signals in Task { try await signals.run() } }
            #expect(services.count == 2)
            let topic = Topic(try #require(TopicName("signals.a")), of: ID(trusted: person.organisation))
            let subscription = try await second.realtime.subscriptions.open(admitted: topic, after: 0)

            // The first signals may be sent before the other node has subscribed to them.
            var received: [Int64] = []
            var appended: Int64 = 0
            while received.isEmpty, appended < 400 {
                try await test.app.database.write { [topics = test.app.realtime.topics] in
                    try topics.append(try NewMessage("signal", NoContent()), to: topic, in: $0)
                }
                appended += 1
                received += try await subscription.next(within: .milliseconds(50))?.compactMap(\.sequence) ?? []
            }
            while received.count < appended, let more = try await subscription.next(within: .seconds(20)),
                !more.isEmpty
            { received += more.compactMap(\.sequence) }
            #expect(received == Array(1...appended))

            for service in services {
                service.cancel()
                _ = await service.result
            }
            await second.close()
        }
    }
}
