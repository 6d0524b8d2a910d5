import App
import Base
import Identity
import Modules
import Synchronization
import TestKit
import Testing

@testable import Entitlements

/// Blocks that a node holds durably and spends in memory: exact on several nodes, and nobody refused while units remain.
@Suite struct EscrowTests {
    @Test func `a block shrinks with the room that is left and the nodes that share it`() {
        #expect(Escrow.blockSize(room: 1_000_000, nodes: 1) == Escrow.blockMax)
        #expect(Escrow.blockSize(room: 1_000, nodes: 1) == 250)
        #expect(Escrow.blockSize(room: 1_000, nodes: 5) == 50)
        #expect(Escrow.blockSize(room: 7, nodes: 1) == 1)
        #expect(Escrow.blockSize(room: 0, nodes: 3) == 1)
        #expect(Escrow.blockSize(room: -5, nodes: 0) == 1)
    }

    @Test
    func
        `a node says that it lives when it begins to draw from blocks, every few seconds then, and rarely where it does not`()
    {
        let start = ContinuousClock.now
        var pulse = EscrowHeartbeat(startingAt: start)
        func isDue(_ seconds: Int, inUse: Bool) -> Bool { pulse.isDue(inUse: inUse, at: start + .seconds(seconds)) }
        #expect(!isDue(10, inUse: false))
        #expect(isDue(11, inUse: true))
        #expect(!isDue(16, inUse: true))
        #expect(isDue(17, inUse: true))
        #expect(!isDue(3_617, inUse: false))
        #expect(isDue(3_618, inUse: false))
        #expect(isDue(3_619, inUse: true))
    }

    @Test(arguments: Engine.available)
    func `a node without a block writes nothing, and is alive again with its first`(engine: Engine) async throws {
        let trouble = UnavailableDatabase.Switch()
        try await withTestApp(engine, databaseWrapper: trouble.wrap) { app in
            let till = QuotaFixture(app: app, person: try await app.subscriber("enterprise"))
            try await till.entitlements.begin(as: "node")
            let charge = try await till.charge(mode: .escrow)
            let writes = Atomic(0)
            trouble.beforeWrites { writes.add(1, ordering: .relaxed) }
            var pulse = EscrowHeartbeat(startingAt: .now)
            func seenAt() async throws -> Instant? {
                try await till.database.read { try $0.first("SELECT seen_at FROM nodes") { try $0["seen_at"] } }
            }
            app.clock.advance(by: .minutes(1))
            let begun = try await seenAt()
            for _ in 0..<3 { try await till.entitlements.lookAfterBlocks(&pulse, logger: app.app.logger) }
            #expect(writes.load(ordering: .relaxed) == 0)
            #expect(try await seenAt() == begun)
            try await till.entitlements.draw(charge, operation: "")
            try await till.entitlements.lookAfterBlocks(&pulse, logger: app.app.logger)
            #expect(try await seenAt() == app.clock.now)
            trouble.beforeWrites(nil)
            try await till.entitlements.closeBlocks()
            #expect(try await till.level() == [1, 0, 998])
            try await till.requireBalance()
        }
    }

    @Test(arguments: Engine.available)
    func `units of a block are spent without a write each, and counted to the unit`(engine: Engine) async throws {
        try await withTill(engine, plan: "enterprise") { till in
            try await till.entitlements.begin(as: "node")
            let charge = try await till.charge(mode: .escrow)
            for _ in 0..<999 { try await till.entitlements.draw(charge, operation: "") }
            await expectProblem(.quotaExceeded) { try await till.entitlements.draw(charge, operation: "") }
            try await till.entitlements.closeBlocks()
            #expect(try await till.level() == [999, 0, 0])
            let entries = try await till.database.read { try $0.count("SELECT COUNT(*) AS count FROM usage_entries") }
            #expect(entries < 60)
            // The gate sees what is used up.
            await expectProblem(.quotaExceeded) { _ = try await till.charge(mode: .escrow) }
        }
    }

    @Test(arguments: Engine.available, [Admission.durable, .escrow])
    func `several nodes admit exactly the limit between them`(engine: Engine, mode: Admission) async throws {
        try await withNodes(engine, count: 4, plan: "pro") { tills in
            let charge = try await tills[0].charge(mode: mode)
            let admitted = await attempts(120, by: tills, charge)
            #expect(admitted.count { $0 == nil } == 200)
            #expect(admitted.allSatisfy { $0 == nil || $0 == .quotaExceeded })
            try await settle(tills)
            #expect(try await tills[0].level() == [200, 0, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `what one node holds and does not need, another gets`(engine: Engine) async throws {
        try await withNodes(engine, count: 2, plan: "enterprise") { tills in
            let charge = try await tills[0].charge(mode: .escrow)
            try await tills[0].entitlements.draw(charge, operation: "")
            #expect(try await (tills[0].level()[1] ?? 0) > 50)
            // All that is left, to the last one.
            let admitted = await attempts(998, by: [tills[1]], charge)
            #expect(admitted.allSatisfy { $0 == nil })
            await expectProblem(.quotaExceeded) { try await tills[1].entitlements.draw(charge, operation: "") }
            await expectProblem(.quotaExceeded) { try await tills[0].entitlements.draw(charge, operation: "") }
            try await settle(tills)
            #expect(try await tills[0].level() == [999, 0, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `several units at once come whole or not at all`(engine: Engine) async throws {
        try await withNodes(engine, count: 2, plan: "free") { tills in
            let (two, one) = (
                try await tills[0].charge(units: 2, mode: .escrow), try await tills[0].charge(mode: .escrow)
            )
            let admitted = await attempts(3, by: tills, two)
            #expect(admitted.count { $0 == nil } == 2)
            try await settle(tills)
            #expect(try await tills[0].level() == [4, 0, 1])
            #expect(await attempts(2, by: tills, one).count { $0 == nil } == 1)
            try await settle(tills)
            #expect(try await tills[0].level() == [5, 0, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `the block of a process that was killed counts as used, at its next life or after its lease`(engine: Engine)
        async throws
    {
        try await withTill(engine, plan: "enterprise") { till in
            let charge = try await till.charge(mode: .escrow)
            for isRestarted in [true, false] {
                let before = try await till.level()[0] ?? 0
                // Another process, which nobody looks after any more once it has spent a unit.
                let killed = try await buildApp(till.app.app.configuration, in: till.dependencies)
                try await killed.entitlements.begin(as: "killed")
                try await killed.entitlements.draw(charge, operation: "")
                await killed.database.close()
                let held = try await till.level()[1] ?? 0
                #expect(held > 1 && held <= Escrow.blockMax)
                if isRestarted {
                    #expect(try await till.entitlements.begin(as: "killed") == 1)
                } else {
                    till.app.clock.advance(by: Escrow.lease + .seconds(1))
                    #expect(try await till.entitlements.recover() == 1)
                }
                #expect(try await till.level() == [before + held, 0, 999 - before - held])
            }
        }
    }

    @Test(arguments: Engine.available)
    func `drawing breaks off anywhere, and what was acknowledged is what is used`(engine: Engine) async throws {
        let trouble = UnavailableDatabase.Switch()
        try await withTestApp(engine, databaseWrapper: trouble.wrap) { app in
            let till = QuotaFixture(app: app, person: try await app.subscriber("enterprise"))
            try await till.entitlements.begin(as: "node")
            let charge = try await till.charge(units: 300, mode: .escrow)
            var acknowledged: Int64 = 0
            // Three hundred are more than any block has left over: each call goes to the database, with the last block to be written down.
            for _ in 0..<2 {
                try await trouble.failEachStatement { _ in
                    try await till.entitlements.draw(charge, operation: "")
                    acknowledged += 300
                } check: { _ in
                    try await till.requireBalance()
                }
            }
            try await trouble.failEachStatement { _ in
                try await till.entitlements.closeBlocks()
            } check: { _ in
                try await till.requireBalance()
            }
            #expect(acknowledged == 600)
            #expect(try await till.level() == [acknowledged, 0, 999 - acknowledged])
        }
    }

    @Test(arguments: Engine.available)
    func `a process without a name spends durably`(engine: Engine) async throws {
        try await withTill(engine) { till in
            let charge = try await till.charge(units: 2, mode: .escrow)
            try await till.entitlements.draw(charge, operation: "test:one")
            try await till.entitlements.draw(charge, operation: "test:two")
            #expect(try await till.level() == [4, 0, 1])
            await expectProblem(.quotaExceeded) { try await till.entitlements.draw(charge, operation: "test:three") }
        }
    }

    @Test(arguments: Engine.available)
    func `an advisory limit is counted and not held, and what lies beyond is said`(engine: Engine) async throws {
        try await withTill(engine) { till in
            let charge = try await till.charge(units: 3, mode: .advisory)
            for number in 1...3 { try await till.entitlements.draw(charge, operation: "test:\(number)") }
            try await till.entitlements.draw(charge, operation: "test:3")
            #expect(try await till.level() == [9, 0, 0])
            let entries = try await till.database.read {
                try $0.all("SELECT beyond, is_overrun FROM usage_entries ORDER BY operation_key").map(\.values)
            }
            #expect(entries == [[.integer(0), .integer(0)], [.integer(1), .integer(0)], [.integer(3), .integer(0)]])
            // The exact ones stay exact.
            await expectProblem(.quotaExceeded) { _ = try await till.charge() }
        }
    }

    @Test(arguments: Engine.available)
    func `a gate says in which way it takes`(engine: Engine) async throws {
        try await withTill(engine) { till in
            #expect(till.entitlements.quota(.uploads).summary.tag == "quota:uploads")
            #expect(till.entitlements.quota(.uploads, mode: .escrow).summary.tag == "quota:uploads(escrow)")
            #expect(till.entitlements.quota(.uploads, mode: .advisory).summary.tag == "quota:uploads(advisory)")
        }
    }

    private func settle(_ tills: [QuotaFixture]) async throws {
        for till in tills { try await till.entitlements.closeBlocks() }
    }

    /// What became of as many attempts at once by each: nil, or why not.
    private func attempts(_ count: Int, by tills: [QuotaFixture], _ charge: Charge) async -> [Problem.Kind?] {
        await withTaskGroup(of: Problem.Kind?.self) { group in
            for till in tills {
                for _ in 0..<count {
                    let operation = "test:\(Runtime.system.id(of: Charge.self))"
                    group.addTask {
                        await problem { try await till.entitlements.draw(charge, operation: operation) }?.kind
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
    }
}

extension QuotaFixture {
    /// What a process of its own would have, beside this one.
    var dependencies: AppDependencies {
        let clock = app.clock
        let runtime = Runtime(now: { clock.now }, randomBytes: Runtime.system.randomBytes)
        return AppDependencies(runtime: runtime, clock: { clock.now }, logOutput: LogOutput(keepsLines: true))
    }
}

/// As many nodes on one database, each of which looks after its blocks, and one customer of all. What they hold is given back in the end.
private func withNodes(_ engine: Engine, count: Int, plan: String, _ body: ([QuotaFixture]) async throws -> Void)
    async throws
{
    try await withTill(engine, plan: plan) { first in
        var tills = [first]
        for _ in 1..<count {
            let app = try await buildApp(first.app.app.configuration, in: first.dependencies)
            tills.append(
                QuotaFixture(
                    app: TestApp(app: app, clock: first.app.clock, engine: engine, log: first.app.log),
                    person: first.person))
        }
        for (index, till) in tills.enumerated() { try await till.entitlements.begin(as: "node-\(index)") }
        let keepers = tills.map { till in
            Task {
                while !Task.isCancelled {
                    try? await till.entitlements.escrow.tend(till.entitlements)
                    try? await Task.sleep(for: .milliseconds(5))
                }
            }
        }
        func stop() async {
            for keeper in keepers {
                keeper.cancel()
                await keeper.value
            }
            for till in tills { try? await till.entitlements.closeBlocks() }
            for till in tills.dropFirst() { await till.database.close() }
        }
        do { try await body(tills) } catch {
            await stop()
            throw error
        }
        await stop()
    }
}
