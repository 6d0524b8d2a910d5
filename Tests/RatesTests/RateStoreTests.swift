import Base
import Foundation
import TestKit
import Testing

@testable import Rates

/// The contract of ``RateStore``, on every implementation.
@Suite struct RateStoreTests {
    enum Kind: String, CaseIterable, Sendable {
        case local, redis
        static var available: [Kind] { TestRedis.isAvailable ? allCases : [.local] }
    }

    /// Two handles of one state: for Redis the clients of two nodes.
    private func withStores(_ kind: Kind, _ body: (any RateStore, any RateStore) async throws -> Void) async throws {
        switch kind {
        case .local:
            let store = LocalRateStore()
            try await body(store, store)
        case .redis:
            try await RedisNodeFixture.with(TestRedis.sharedAddress ?? "") { one in
                try await RedisNodeFixture.with(TestRedis.sharedAddress ?? "", prefix: one.prefix) { two in
                    try await body(one.store, two.store)
                }
            }
        }
    }

    @Test(arguments: Kind.available)
    func `eight concurrent tasks on one key are allowed exactly the limit`(_ kind: Kind) async throws {
        try await withStores(kind) { one, two in
            let rates = Rates(.perDay(100), .perHour(250))
            let key = RateKey(limit: "test", subject: UUID().uuidString)
            let allowed = await withTaskGroup(of: Int.self) { group in
                for task in 0..<8 {
                    group.addTask {
                        var count = 0
                        for _ in 0..<40
                        where await (task.isMultiple(of: 2) ? one : two).take(1, from: key, under: rates).isAllowed {
                            count += 1
                        }
                        return count
                    }
                }
                return await group.reduce(0, +)
            }
            #expect(allowed == 100)
        }
    }

    @Test(arguments: Kind.available)
    func `different costs add up exactly over both nodes`(_ kind: Kind) async throws {
        try await withStores(kind) { one, two in
            let rates = Rates(.perDay(60), .perHour(1_000, burst: 90))
            let key = RateKey(limit: "test", subject: UUID().uuidString)
            var taken = await withTaskGroup(of: Int64.self) { group in
                for cost in [1, 2, 3, 5, 7, 11] as [Int64] {
                    group.addTask {
                        var sum: Int64 = 0
                        for turn in 0..<30
                        where await (turn.isMultiple(of: 2) ? one : two).take(cost, from: key, under: rates).isAllowed {
                            sum += cost
                        }
                        return sum
                    }
                }
                return await group.reduce(0, +)
            }
            // The rest, which no larger cost fits into, is taken one by one.
            for _ in 0..<60 where await one.take(1, from: key, under: rates).isAllowed { taken += 1 }
            #expect(taken == 60)
        }
    }

    @Test(arguments: Kind.available)
    func `random sequences are decided as GCRA decides them at the same times`(_ kind: Kind) async throws {
        try await withStores(kind) { one, two in
            for seed in 0..<6 as Range<UInt64> {
                var random = SplitMix(seed: seed)
                let rates = random.rates()
                let key = RateKey(limit: "test", subject: UUID().uuidString)
                var gcra = GCRA()
                for step in 0..<120 {
                    let cost = Int64.random(in: 1...4, using: &random)
                    let decision = await (Bool.random(using: &random) ? one : two).take(cost, from: key, under: rates)
                    let expected = gcra.take(cost, at: decision.now, under: rates)
                    #expect(decision.isAllowed == expected.isAllowed, "seed \(seed), step \(step)")
                    #expect(decision.wait(under: rates) == expected.wait(under: rates))
                    #expect(rates.all.indices.allSatisfy { decision.timeUntilReset($0) == expected.timeUntilReset($0) })
                }
            }
        }
    }

    @Test(arguments: Kind.available)
    func `peek takes nothing and returns the decision of a take`(_ kind: Kind) async throws {
        try await withStores(kind) { one, two in
            for seed in 0..<4 as Range<UInt64> {
                var random = SplitMix(seed: seed)
                let rates = random.rates()
                let key = RateKey(limit: "test", subject: UUID().uuidString)
                var gcra = GCRA()
                for step in 0..<60 {
                    let cost = Int64.random(in: 1...4, using: &random)
                    let store = Bool.random(using: &random) ? one : two
                    if Bool.random(using: &random) {
                        let decision = await store.take(cost, from: key, under: rates)
                        _ = gcra.take(cost, at: decision.now, under: rates)
                        continue
                    }
                    let decision = await store.peek(cost, from: key, under: rates)
                    var copy = gcra
                    let expected = copy.take(cost, at: decision.now, under: rates)
                    #expect(decision.isAllowed == expected.isAllowed, "seed \(seed), step \(step)")
                    #expect(decision.wait(under: rates) == expected.wait(under: rates))
                    // The state before the take, not after it.
                    #expect(
                        rates.all.indices.allSatisfy {
                            decision.timeUntilReset($0) == max(0, gcra.arrivalTimes[$0] - decision.now)
                        })
                }
            }
        }
    }

    @Test(arguments: Kind.available)
    func `keys and limits are independent`(_ kind: Kind) async throws {
        try await withStores(kind) { store, _ in
            let rates = Rates(.perDay(1))
            let name = UUID().uuidString
            for (limit, subject) in [("a", name), ("b", name), ("a", name + "x")] {
                #expect(await store.take(1, from: RateKey(limit: limit, subject: subject), under: rates).isAllowed)
                #expect(await !store.take(1, from: RateKey(limit: limit, subject: subject), under: rates).isAllowed)
            }
        }
    }
}
