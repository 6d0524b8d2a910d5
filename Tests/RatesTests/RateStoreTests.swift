import Base
import Foundation
import MessagingRedis
import Synchronization
import Telemetry
import TestKit
import Testing

@testable import Rates

/// What every store has to keep, on each of them.
@Suite struct RateStoreTests {
    enum Kind: String, CaseIterable, Sendable {
        case local, redis
        static var available: [Kind] { TestRedis.isAvailable ? allCases : [.local] }
    }

    /// Two views of one state: for Redis two clients, as two nodes have.
    private func withStores(_ kind: Kind, _ body: (any RateStore, any RateStore) async throws -> Void) async throws {
        switch kind {
        case .local:
            let store = LocalRates()
            try await body(store, store)
        case .redis:
            try await RedisNode.with(TestRedis.sharedAddress ?? "") { one in
                try await RedisNode.with(TestRedis.sharedAddress ?? "", prefix: one.prefix) { two in
                    try await body(one.rates, two.rates)
                }
            }
        }
    }

    @Test(arguments: Kind.available)
    func `eight at once on one key admit exactly what is allowed`(_ kind: Kind) async throws {
        try await withStores(kind) { one, two in
            let rates = Rates(.perDay(100), .perHour(250))
            let key = RateKey(limit: "test", subject: UUID().uuidString)
            let admitted = await withTaskGroup(of: Int.self) { group in
                for task in 0..<8 {
                    group.addTask {
                        var count = 0
                        for _ in 0..<40
                        where await (task.isMultiple(of: 2) ? one : two).take(1, from: key, under: rates).isAdmitted {
                            count += 1
                        }
                        return count
                    }
                }
                return await group.reduce(0, +)
            }
            #expect(admitted == 100)
        }
    }

    @Test(arguments: Kind.available)
    func `costs that differ are added up exactly, whoever asks`(_ kind: Kind) async throws {
        try await withStores(kind) { one, two in
            let rates = Rates(.perDay(60), .perHour(1_000, burst: 90))
            let key = RateKey(limit: "test", subject: UUID().uuidString)
            var taken = await withTaskGroup(of: Int64.self) { group in
                for cost in [1, 2, 3, 5, 7, 11] as [Int64] {
                    group.addTask {
                        var sum: Int64 = 0
                        for turn in 0..<30
                        where await (turn.isMultiple(of: 2) ? one : two).take(cost, from: key, under: rates).isAdmitted
                        { sum += cost }
                        return sum
                    }
                }
                return await group.reduce(0, +)
            }
            // What no larger cost fits into is taken one by one.
            for _ in 0..<60 where await one.take(1, from: key, under: rates).isAdmitted { taken += 1 }
            #expect(taken == 60)
        }
    }

    @Test(arguments: Kind.available)
    func `random sequences are decided as the rule decides them at the same moments`(_ kind: Kind) async throws {
        try await withStores(kind) { one, two in
            for seed in 0..<6 as Range<UInt64> {
                var random = SplitMix(seed: seed)
                let rates = random.rates()
                let key = RateKey(limit: "test", subject: UUID().uuidString)
                var rule = GCRA()
                for step in 0..<120 {
                    let cost = Int64.random(in: 1...4, using: &random)
                    let verdict = await (Bool.random(using: &random) ? one : two).take(cost, from: key, under: rates)
                    let expected = rule.take(cost, at: verdict.now, under: rates)
                    #expect(verdict.isAdmitted == expected.isAdmitted, "seed \(seed), step \(step)")
                    #expect(verdict.wait(under: rates) == expected.wait(under: rates))
                    #expect(rates.all.indices.allSatisfy { verdict.untilWhole($0) == expected.untilWhole($0) })
                }
            }
        }
    }

    @Test(arguments: Kind.available)
    func `a look takes nothing, and says what a call would hear`(_ kind: Kind) async throws {
        try await withStores(kind) { one, two in
            for seed in 0..<4 as Range<UInt64> {
                var random = SplitMix(seed: seed)
                let rates = random.rates()
                let key = RateKey(limit: "test", subject: UUID().uuidString)
                var rule = GCRA()
                for step in 0..<60 {
                    let cost = Int64.random(in: 1...4, using: &random)
                    let store = Bool.random(using: &random) ? one : two
                    if Bool.random(using: &random) {
                        let verdict = await store.take(cost, from: key, under: rates)
                        _ = rule.take(cost, at: verdict.now, under: rates)
                        continue
                    }
                    let verdict = await store.look(cost, at: key, under: rates)
                    var copy = rule
                    let expected = copy.take(cost, at: verdict.now, under: rates)
                    #expect(verdict.isAdmitted == expected.isAdmitted, "seed \(seed), step \(step)")
                    #expect(verdict.wait(under: rates) == expected.wait(under: rates))
                    // As it stands before the call, not after it.
                    #expect(
                        rates.all.indices.allSatisfy {
                            verdict.untilWhole($0) == max(0, rule.arrivals[$0] - verdict.now)
                        })
                }
            }
        }
    }

    @Test(arguments: Kind.available)
    func `keys and limits have nothing to do with one another`(_ kind: Kind) async throws {
        try await withStores(kind) { store, _ in
            let rates = Rates(.perDay(1))
            let name = UUID().uuidString
            for (limit, subject) in [("a", name), ("b", name), ("a", name + "x")] {
                #expect(await store.take(1, from: RateKey(limit: limit, subject: subject), under: rates).isAdmitted)
                #expect(await !store.take(1, from: RateKey(limit: limit, subject: subject), under: rates).isAdmitted)
            }
        }
    }
}

/// One node of an installation that shares rates.
struct RedisNode: Sendable {
    let client: RedisClient
    let rates: SharedRates
    let prefix: String

    static func with(
        _ address: String, prefix: String = "gatehouse-test:\(UUID().uuidString):",
        clock: @escaping @Sendable () -> Int64 = LocalRates.uptime,
        metrics: Metrics = Metrics(), _ body: (RedisNode) async throws -> Void
    ) async throws {
        var settings = RedisSettings(address: try RedisAddress(address))
        settings.commandTimeout = .seconds(2)
        settings.backoff.longest = .milliseconds(20)
        let client = RedisClient(settings)
        let scripts = [
            SharedRates.Script.take: RedisScript(SharedRates.Script.take.source),
            .countNodes: RedisScript(SharedRates.Script.countNodes.source),
        ]
        let rates = SharedRates(
            prefix: prefix, local: LocalRates(capacity: 512, clock: clock), metrics: metrics,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            runtime: .system, clock: clock
        ) { script, keys, arguments in
            guard let own = scripts[script] else { return [] }
            return try await client.run(own, keys: keys, arguments: arguments).array?.compactMap(\.integer) ?? []
        }
        do { try await body(RedisNode(client: client, rates: rates, prefix: prefix)) } catch {
            await client.close()
            throw error
        }
        await client.close()
    }
}

@Suite(.enabled(if: TestRedis.isAvailable)) struct SharedRatesTests {
    @Test func `each key is gone when it says nothing any more`() async throws {
        try await RedisNode.with(TestRedis.sharedAddress ?? "") { node in
            for rates in [Rates(.perMinute(5)), Rates(.perMinute(2), .perHour(3)), Rates(.perDay(1, burst: 100))] {
                let subject = UUID().uuidString
                for _ in 0..<6 {
                    let verdict = await node.rates.take(1, from: RateKey(limit: "t", subject: subject), under: rates)
                    let left = try await node.client.send("PTTL", "\(node.prefix)rates:t:\(subject)").integer ?? -1
                    let last = rates.all.indices.map { verdict.untilWhole($0) }.max() ?? 0
                    // PTTL is asked a moment later.
                    #expect(left > 0 && left <= last / 1_000 + 3 && left > last / 1_000 - 500)
                }
            }
        }
    }

    @Test func `a server whose clock was set back refuses for a while and not for ever`() async throws {
        try await RedisNode.with(TestRedis.sharedAddress ?? "") { node in
            let rates = Rates(.perHour(4))
            let key = RateKey(limit: "t", subject: UUID().uuidString)
            let name = "\(node.prefix)rates:t:\(key.subject)"
            let now = await node.rates.take(1, from: key, under: rates).now
            // The state that a server leaves whose clock went ahead by a year and back.
            let ahead = now + 365 * 86_400_000_000
            let window = String(rates.all[0].window)
            _ = try await node.client.send("HSET", name, "last", "\(ahead)", window, "\(ahead + 900_000_000)")
            let verdict = await node.rates.take(1, from: key, under: rates)
            #expect(!verdict.isAdmitted && verdict.wait(under: rates) <= 900_000_000)
            #expect(await node.rates.take(1, from: key, under: rates).wait(under: rates) <= 900_000_000)
            let left = try await node.client.send("PTTL", name).integer ?? -1
            #expect(left > 0)
            _ = try await node.client.send("DEL", name)
        }
    }

    @Test func `nodes count one another, and forget those that are gone`() async throws {
        try await RedisNode.with(TestRedis.sharedAddress ?? "") { one in
            let old = String(LocalRates.uptime() - 3_600_000_000)
            _ = try await one.client.send("ZADD", one.prefix + "nodes", old, "long gone")
            await one.rates.beat()
            try await RedisNode.with(TestRedis.sharedAddress ?? "", prefix: one.prefix) { two in
                await two.rates.beat()
                await one.rates.beat()
                let count = try await one.client.send("ZCARD", one.prefix + "nodes")
                #expect(count == .integer(2))
            }
        }
    }

    @Test func `without the server each node gives out its share, and with it again all share`() async throws {
        let clock = HandClock()
        let metrics = Metrics()
        try await TestRedis.withServer { server in
            let address = "redis://127.0.0.1:\(server.port)"
            try await RedisNode.with(address, clock: { clock.now }, metrics: metrics) { one in
                try await RedisNode.with(address, prefix: one.prefix, clock: { clock.now }) { two in
                    let rates = Rates(.perDay(20))
                    func admitted(_ node: RedisNode, _ subject: String) async -> Int {
                        var count = 0
                        for _ in 0..<30
                        where await node.rates.take(1, from: RateKey(limit: "t", subject: subject), under: rates)
                            .isAdmitted
                        { count += 1 }
                        return count
                    }
                    await one.rates.beat()
                    await two.rates.beat()
                    await one.rates.beat()
                    #expect(await (admitted(one, "a"), admitted(two, "a")) == (20, 0))
                    server.stop()
                    #expect(await (admitted(one, "b"), admitted(two, "b")) == (10, 10))
                    #expect(!one.rates.isShared && !two.rates.isShared)
                    #expect(metrics.exposition.contains("gatehouse_rates_shared 0"))
                    try server.start()
                    #expect(await admitted(one, "b") == 0, "nobody asks again within a second")
                    // Connections come back by themselves; a call in each second looks.
                    for _ in 0..<500 where !one.rates.isShared || !two.rates.isShared {
                        clock.advance(by: .milliseconds(1_001))
                        _ = await admitted(one, "c")
                        _ = await admitted(two, "c")
                        try await Task.sleep(for: .milliseconds(5))
                    }
                    #expect(one.rates.isShared && two.rates.isShared)
                    #expect(metrics.exposition.contains("gatehouse_rates_shared 1"))
                    #expect(await (admitted(two, "d"), admitted(one, "d")) == (20, 0))
                }
            }
        }
    }

    @Test func `before anything is known of other nodes a careful number is assumed`() async throws {
        let rates = SharedRates(
            metrics: Metrics(), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, runtime: .system
        ) { _, _, _ in
            throw CancellationError()
        }
        var count: Int64 = 0
        for _ in 0..<100
        where await rates.take(1, from: RateKey(limit: "t", subject: "s"), under: Rates(.perDay(40))).isAdmitted {
            count += 1
        }
        #expect(count == 40 / SharedRates.nodesAssumed)
    }

    @Test func `while the server is away one call a second asks it`() async throws {
        let clock = HandClock()
        let asked = Atomic(0)
        let rates = SharedRates(
            metrics: Metrics(), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, runtime: .system,
            clock: { clock.now }
        ) { _, _, _ in
            asked.wrappingAdd(1, ordering: .relaxed)
            throw CancellationError()
        }
        for second in 1...3 {
            await withTaskGroup { group in
                for _ in 0..<50 {
                    group.addTask {
                        _ = await rates.take(1, from: RateKey(limit: "t", subject: "s"), under: Rates(.perDay(40)))
                    }
                }
            }
            if second == 1 {
                #expect(asked.load(ordering: .relaxed) >= 1)
            } else {
                #expect(asked.exchange(0, ordering: .relaxed) == 1)
            }
            asked.store(0, ordering: .relaxed)
            clock.advance(by: .seconds(1))
        }
    }
}
