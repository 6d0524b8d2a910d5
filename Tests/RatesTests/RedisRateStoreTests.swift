import Base
import Foundation
import MessagingRedis
import Synchronization
import Telemetry
import TestKit
import Testing

@testable import Rates

@Suite(.enabled(if: TestRedis.isAvailable)) struct RedisRateStoreTests {
    @Test func `a key expires when its arrival times are past`() async throws {
        try await RedisNodeFixture.with(TestRedis.sharedAddress ?? "") { node in
            for rates in [Rates(.perMinute(5)), Rates(.perMinute(2), .perHour(3)), Rates(.perDay(1, burst: 100))] {
                let subject = UUID().uuidString
                for _ in 0..<6 {
                    let decision = await node.store.take(1, from: RateKey(limit: "t", subject: subject), under: rates)
                    let left = try await node.client.send("PTTL", "\(node.prefix)rates:t:\(subject)").integer ?? -1
                    let last = rates.all.indices.map { decision.timeUntilReset($0) }.max() ?? 0
                    // PTTL is sent after the script has run.
                    #expect(left > 0 && left <= last / 1_000 + 3 && left > last / 1_000 - 500)
                }
            }
        }
    }

    @Test func `a server whose clock was set back refuses no longer than the restoration`() async throws {
        try await RedisNodeFixture.with(TestRedis.sharedAddress ?? "") { node in
            let rates = Rates(.perHour(4))
            let key = RateKey(limit: "t", subject: UUID().uuidString)
            let name = "\(node.prefix)rates:t:\(key.subject)"
            let now = await node.store.take(1, from: key, under: rates).now
            // The state after the server's clock was a year ahead and was set back.
            let ahead = now + 365 * 86_400_000_000
            let window = String(rates.all[0].window)
            _ = try await node.client.send("HSET", name, "last", "\(ahead)", window, "\(ahead + 900_000_000)")
            let decision = await node.store.take(1, from: key, under: rates)
            #expect(!decision.isAllowed && decision.wait(under: rates) <= 900_000_000)
            #expect(await node.store.take(1, from: key, under: rates).wait(under: rates) <= 900_000_000)
            let left = try await node.client.send("PTTL", name).integer ?? -1
            #expect(left > 0)
            _ = try await node.client.send("DEL", name)
        }
    }

    @Test func `live nodes are counted and expired ones removed`() async throws {
        try await RedisNodeFixture.with(TestRedis.sharedAddress ?? "") { one in
            let old = String(LocalRateStore.uptime() - 3_600_000_000)
            _ = try await one.client.send("ZADD", one.prefix + "nodes", old, "expired")
            await one.store.sendHeartbeat()
            try await RedisNodeFixture.with(TestRedis.sharedAddress ?? "", prefix: one.prefix) { two in
                await two.store.sendHeartbeat()
                await one.store.sendHeartbeat()
                let count = try await one.client.send("ZCARD", one.prefix + "nodes")
                #expect(count == .integer(2))
            }
        }
    }

    @Test func `without the server each node allows its share, and all share again when it is back`() async throws {
        let clock = ManualClock()
        let metrics = Metrics()
        try await TestRedis.withServer { server in
            let address = "redis://127.0.0.1:\(server.port)"
            try await RedisNodeFixture.with(address, clock: { clock.now }, metrics: metrics) { one in
                try await RedisNodeFixture.with(address, prefix: one.prefix, clock: { clock.now }) { two in
                    let rates = Rates(.perDay(20))
                    func allowed(_ node: RedisNodeFixture, _ subject: String) async -> Int {
                        var count = 0
                        for _ in 0..<30
                        where await node.store.take(1, from: RateKey(limit: "t", subject: subject), under: rates)
                            .isAllowed
                        { count += 1 }
                        return count
                    }
                    await one.store.sendHeartbeat()
                    await two.store.sendHeartbeat()
                    await one.store.sendHeartbeat()
                    #expect(await (allowed(one, "a"), allowed(two, "a")) == (20, 0))
                    server.stop()
                    #expect(await (allowed(one, "a"), allowed(two, "a")) == (0, 0), "used up before")
                    #expect(await (allowed(one, "b"), allowed(two, "b")) == (10, 10))
                    #expect(!one.store.isShared && !two.store.isShared)
                    #expect(metrics.exposition.contains("gatehouse_rates_shared 0"))
                    try server.start()
                    #expect(await allowed(one, "b") == 0, "no request is sent within a second")
                    // The client reconnects by itself; one request in each second tries the server.
                    let isShared = try await eventually {
                        clock.advance(by: .milliseconds(1_001))
                        _ = await allowed(one, "c")
                        _ = await allowed(two, "c")
                        return one.store.isShared && two.store.isShared
                    }
                    #expect(isShared)
                    #expect(metrics.exposition.contains("gatehouse_rates_shared 1"))
                    // The server started without its state: no key has a new burst.
                    #expect(await (allowed(two, "a"), allowed(one, "a")) == (0, 0))
                    #expect(await (allowed(two, "b"), allowed(one, "b")) == (0, 0))
                    #expect(await (allowed(two, "d"), allowed(one, "d")) == (1, 0))
                }
            }
        }
    }

    @Test func `a server that keeps its state learns what a node allowed meanwhile`() async throws {
        let clock = ManualClock()
        let isAway = Atomic(false)
        try await RedisNodeFixture.with(
            TestRedis.sharedAddress ?? "", clock: { clock.now }, isAway: { isAway.load(ordering: .relaxed) }
        ) { one in
            try await RedisNodeFixture.with(TestRedis.sharedAddress ?? "", prefix: one.prefix) { two in
                let rates = Rates(.perDay(20))
                let key = RateKey(limit: "t", subject: "s")
                func allowed(_ node: RedisNodeFixture) async -> Int {
                    var count = 0
                    for _ in 0..<30 where await node.store.take(1, from: key, under: rates).isAllowed { count += 1 }
                    return count
                }
                await one.store.sendHeartbeat()
                await two.store.sendHeartbeat()
                await one.store.sendHeartbeat()
                for _ in 0..<8 { #expect(await one.store.take(1, from: key, under: rates).isAllowed) }
                isAway.store(true, ordering: .relaxed)
                // Eight of twenty units are used, and so are four of the ten of the node's share.
                #expect(await allowed(one) == 6)
                isAway.store(false, ordering: .relaxed)
                clock.advance(by: .seconds(1))
                #expect(await allowed(one) == 0)
                #expect(one.store.isShared)
                // A server that is asked by a node with knowledge takes it over when it allows the next request.
                clock.advance(by: .seconds(86_400 / 20 + 2))
                #expect(await allowed(one) == 1)
                #expect(await allowed(two) == 0)
            }
        }
    }

    @Test func `a server that lost its state gives every key its rate and no burst`() async throws {
        try await RedisNodeFixture.with(TestRedis.sharedAddress ?? "") { one in
            try await RedisNodeFixture.with(TestRedis.sharedAddress ?? "", prefix: one.prefix) { two in
                let rates = Rates(.perHour(3_600, burst: 50), .perDay(10_000))
                func allowed(_ node: RedisNodeFixture, _ subject: String) async -> Int {
                    var count = 0
                    let key = RateKey(limit: "t", subject: subject)
                    for _ in 0..<60 where await node.store.take(1, from: key, under: rates).isAllowed { count += 1 }
                    return count
                }
                #expect(await allowed(one, "used") >= 50)
                for key in ["rates:t:used", "epoch"] { _ = try await one.client.send("DEL", one.prefix + key) }
                // A node that is new since the loss has no knowledge; the first one that has some reports the loss.
                #expect(await two.store.take(1, from: RateKey(limit: "t", subject: "x"), under: rates).isAllowed)
                #expect(await allowed(one, "used") <= 2, "one a second")
                #expect(await allowed(two, "used") <= 2)
                #expect(await allowed(two, "new") <= 3)
                let left = await two.store.peek(1, from: RateKey(limit: "t", subject: "other"), under: rates)
                #expect(left.remaining(of: 0, under: rates) < 50)
            }
        }
    }

    @Test func `before the first heartbeat four nodes are assumed`() async throws {
        let store = RedisRateStore(
            metrics: Metrics(), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, runtime: .system
        ) { _, _, _ in
            throw CancellationError()
        }
        var count: Int64 = 0
        for _ in 0..<100
        where await store.take(1, from: RateKey(limit: "t", subject: "s"), under: Rates(.perDay(40))).isAllowed {
            count += 1
        }
        #expect(count == 40 / RedisRateStore.nodesAssumed)
    }

    @Test func `an unavailable server gets one request a second`() async throws {
        let clock = ManualClock()
        let requests = Atomic(0)
        let store = RedisRateStore(
            metrics: Metrics(), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, runtime: .system,
            clock: { clock.now }
        ) { _, _, _ in
            requests.wrappingAdd(1, ordering: .relaxed)
            throw CancellationError()
        }
        for second in 1...3 {
            await withTaskGroup { group in
                for _ in 0..<50 {
                    group.addTask {
                        _ = await store.take(1, from: RateKey(limit: "t", subject: "s"), under: Rates(.perDay(40)))
                    }
                }
            }
            if second == 1 {
                #expect(requests.load(ordering: .relaxed) >= 1)
            } else {
                #expect(requests.exchange(0, ordering: .relaxed) == 1)
            }
            requests.store(0, ordering: .relaxed)
            clock.advance(by: .seconds(1))
        }
    }
}
