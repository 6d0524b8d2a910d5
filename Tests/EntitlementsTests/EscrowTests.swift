import App
import Base
import Identity
import Modules
import Synchronization
import TestKit
import Testing

@testable import Entitlements

/// Escrow blocks: a node reserves a block durably and spends its units in memory. Limits are exact over several nodes,
/// and no request is refused while units remain.
@Suite struct EscrowTests {
    @Test func `the block size depends on the remaining units and the number of nodes`() {
        #expect(EscrowAllocator.blockSize(remaining: 1_000_000, nodes: 1) == EscrowService.blockMax)
        #expect(EscrowAllocator.blockSize(remaining: 1_000, nodes: 1) == 250)
        #expect(EscrowAllocator.blockSize(remaining: 1_000, nodes: 5) == 50)
        #expect(EscrowAllocator.blockSize(remaining: 7, nodes: 1) == 1)
        #expect(EscrowAllocator.blockSize(remaining: 0, nodes: 3) == 1)
        #expect(EscrowAllocator.blockSize(remaining: -5, nodes: 0) == 1)
    }

    @Test
    func
        `the heartbeat is due at the first block, then every few seconds, and hourly without blocks`()
    {
        let start = ContinuousClock.now
        var heartbeat = EscrowHeartbeat(startingAt: start)
        func isDue(_ seconds: Int, inUse: Bool) -> Bool { heartbeat.isDue(inUse: inUse, at: start + .seconds(seconds)) }
        #expect(!isDue(10, inUse: false))
        #expect(isDue(11, inUse: true))
        #expect(!isDue(16, inUse: true))
        #expect(isDue(17, inUse: true))
        #expect(!isDue(3_617, inUse: false))
        #expect(isDue(3_618, inUse: false))
        #expect(isDue(3_619, inUse: true))
    }

    @Test(arguments: Engine.available)
    func `a node without a block writes nothing, and sends a heartbeat with its first block`(engine: Engine)
        async throws
    {
        let faults = UnavailableDatabase.Switch()
        try await withTestApp(engine, databaseWrapper: faults.wrap) { app in
            let quota = QuotaFixture(app: app, person: try await app.subscriber("enterprise"))
            try await quota.entitlements.recovery.startNode(as: "node")
            let charge = try await quota.charge(mode: .escrow)
            let writes = Atomic(0)
            faults.beforeWrites { writes.add(1, ordering: .relaxed) }
            var heartbeat = EscrowHeartbeat(startingAt: .now)
            func seenAt() async throws -> Instant? {
                try await quota.database.read { try $0.first("SELECT seen_at FROM nodes") { try $0["seen_at"] } }
            }
            app.clock.advance(by: .minutes(1))
            let startedAt = try await seenAt()
            for _ in 0..<3 { try await quota.entitlements.escrow.maintain(&heartbeat, logger: app.app.logger) }
            #expect(writes.load(ordering: .relaxed) == 0)
            #expect(try await seenAt() == startedAt)
            try await quota.entitlements.escrow.draw(charge, operation: "")
            try await quota.entitlements.escrow.maintain(&heartbeat, logger: app.app.logger)
            #expect(try await seenAt() == app.clock.now)
            faults.beforeWrites(nil)
            try await quota.entitlements.escrow.close()
            #expect(try await quota.level() == [1, 0, 998])
            try await quota.requireInvariants()
        }
    }

    @Test(arguments: Engine.available)
    func `units of a block are spent without a write each and counted exactly`(engine: Engine) async throws {
        try await withQuotaFixture(engine, plan: "enterprise") { quota in
            try await quota.entitlements.recovery.startNode(as: "node")
            let charge = try await quota.charge(mode: .escrow)
            for _ in 0..<999 { try await quota.entitlements.escrow.draw(charge, operation: "") }
            await expectProblem(.quotaExceeded) { try await quota.entitlements.escrow.draw(charge, operation: "") }
            try await quota.entitlements.escrow.close()
            #expect(try await quota.level() == [999, 0, 0])
            let entries = try await quota.database.read { try $0.count("SELECT COUNT(*) AS count FROM usage_entries") }
            #expect(entries < 60)
            // The gate refuses the exhausted quota.
            await expectProblem(.quotaExceeded) { _ = try await quota.charge(mode: .escrow) }
        }
    }

    @Test(arguments: Engine.available, [QuotaMode.durable, .escrow])
    func `several nodes together admit exactly the limit`(engine: Engine, mode: QuotaMode) async throws {
        try await withNodes(engine, count: 4, plan: "pro") { nodes in
            let charge = try await nodes[0].charge(mode: mode)
            let admitted = await attempts(120, by: nodes, charge)
            #expect(admitted.count { $0 == nil } == 200)
            #expect(admitted.allSatisfy { $0 == nil || $0 == .quotaExceeded })
            try await settle(nodes)
            #expect(try await nodes[0].level() == [200, 0, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `units of one node's block are released to another node`(engine: Engine) async throws {
        try await withNodes(engine, count: 2, plan: "enterprise") { nodes in
            let charge = try await nodes[0].charge(mode: .escrow)
            try await nodes[0].entitlements.escrow.draw(charge, operation: "")
            #expect(try await (nodes[0].level()[1] ?? 0) > 50)
            // All remaining units, to the last one.
            let admitted = await attempts(998, by: [nodes[1]], charge)
            #expect(admitted.allSatisfy { $0 == nil })
            await expectProblem(.quotaExceeded) { try await nodes[1].entitlements.escrow.draw(charge, operation: "") }
            await expectProblem(.quotaExceeded) { try await nodes[0].entitlements.escrow.draw(charge, operation: "") }
            try await settle(nodes)
            #expect(try await nodes[0].level() == [999, 0, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `several units are drawn together or not at all`(engine: Engine) async throws {
        try await withNodes(engine, count: 2, plan: "free") { nodes in
            let (two, one) = (
                try await nodes[0].charge(units: 2, mode: .escrow), try await nodes[0].charge(mode: .escrow)
            )
            let admitted = await attempts(3, by: nodes, two)
            #expect(admitted.count { $0 == nil } == 2)
            try await settle(nodes)
            #expect(try await nodes[0].level() == [4, 0, 1])
            #expect(await attempts(2, by: nodes, one).count { $0 == nil } == 1)
            try await settle(nodes)
            #expect(try await nodes[0].level() == [5, 0, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `the block of a killed process counts as used, at its restart or after its lease`(engine: Engine)
        async throws
    {
        try await withQuotaFixture(engine, plan: "enterprise") { quota in
            let charge = try await quota.charge(mode: .escrow)
            for isRestarted in [true, false] {
                let before = try await quota.level()[0] ?? 0
                // Another process, which is closed without releasing its block.
                let killed = try await buildApp(quota.app.app.configuration, in: quota.dependencies)
                try await killed.entitlements.recovery.startNode(as: "killed")
                try await killed.entitlements.escrow.draw(charge, operation: "")
                await killed.database.close()
                // What another node has taken is seen in the usage then.
                quota.app.clock.advance(by: SnapshotCache.lifetime)
                let held = try await quota.level()[1] ?? 0
                #expect(held > 1 && held <= EscrowService.blockMax)
                if isRestarted {
                    #expect(try await quota.entitlements.recovery.startNode(as: "killed") == 1)
                } else {
                    quota.app.clock.advance(by: EscrowService.lease + .seconds(1))
                    #expect(try await quota.entitlements.recovery.recover() == 1)
                }
                #expect(try await quota.level() == [before + held, 0, 999 - before - held])
            }
        }
    }

    @Test(arguments: Engine.available)
    func `drawing is atomic at every failing statement, and acknowledged units are the used ones`(engine: Engine)
        async throws
    {
        let faults = UnavailableDatabase.Switch()
        try await withTestApp(engine, databaseWrapper: faults.wrap) { app in
            let quota = QuotaFixture(app: app, person: try await app.subscriber("enterprise"))
            try await quota.entitlements.recovery.startNode(as: "node")
            let charge = try await quota.charge(units: 300, mode: .escrow)
            var acknowledged: Int64 = 0
            // No block has 300 units left: each draw writes to the database, with the usage of the last block.
            for _ in 0..<2 {
                try await faults.failEachStatement { _ in
                    try await quota.entitlements.escrow.draw(charge, operation: "")
                    acknowledged += 300
                } check: { _ in
                    try await quota.requireInvariants()
                }
            }
            try await faults.failEachStatement { _ in
                try await quota.entitlements.escrow.close()
            } check: { _ in
                try await quota.requireInvariants()
            }
            #expect(acknowledged == 600)
            #expect(try await quota.level() == [acknowledged, 0, 999 - acknowledged])
        }
    }

    @Test(arguments: Engine.available)
    func `a process without a node name spends durably`(engine: Engine) async throws {
        try await withQuotaFixture(engine) { quota in
            let charge = try await quota.charge(units: 2, mode: .escrow)
            try await quota.entitlements.escrow.draw(charge, operation: "test:one")
            try await quota.entitlements.escrow.draw(charge, operation: "test:two")
            #expect(try await quota.level() == [4, 0, 1])
            await expectProblem(.quotaExceeded) {
                try await quota.entitlements.escrow.draw(charge, operation: "test:three")
            }
        }
    }

    @Test(arguments: Engine.available)
    func `the summary of a quota requirement contains its mode`(engine: Engine) async throws {
        try await withQuotaFixture(engine) { quota in
            #expect(quota.entitlements.quota(.uploads).summary.tag == "quota:uploads")
            #expect(quota.entitlements.quota(.uploads, mode: .escrow).summary.tag == "quota:uploads(escrow)")
        }
    }

    private func settle(_ nodes: [QuotaFixture]) async throws {
        for node in nodes { try await node.entitlements.escrow.close() }
        // Each node sees then in its usage what the others have taken.
        nodes[0].app.clock.advance(by: SnapshotCache.lifetime)
    }

    /// The outcomes of `count` concurrent draws on each node: nil, or the kind of the refusal.
    private func attempts(_ count: Int, by nodes: [QuotaFixture], _ charge: Charge) async -> [Problem.Kind?] {
        await withTaskGroup(of: Problem.Kind?.self) { group in
            for node in nodes {
                for _ in 0..<count {
                    let operation = "test:\(Runtime.system.id(of: Charge.self))"
                    group.addTask {
                        await problem { try await node.entitlements.escrow.draw(charge, operation: operation) }?.kind
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
    }
}

extension QuotaFixture {
    /// The dependencies of a second process with the same clock.
    var dependencies: AppDependencies {
        let clock = app.clock
        let runtime = Runtime(now: { clock.now }, randomBytes: Runtime.system.randomBytes)
        return AppDependencies(runtime: runtime, clock: { clock.now }, logOutput: LogOutput(keepsLines: true))
    }
}

/// Runs `body` with `count` nodes on one database, each of which maintains its blocks, and one organisation. The blocks
/// are released at the end.
private func withNodes(_ engine: Engine, count: Int, plan: String, _ body: ([QuotaFixture]) async throws -> Void)
    async throws
{
    try await withQuotaFixture(engine, plan: plan) { first in
        var nodes = [first]
        for _ in 1..<count {
            let app = try await buildApp(first.app.app.configuration, in: first.dependencies)
            nodes.append(
                QuotaFixture(
                    app: TestApp(app: app, clock: first.app.clock, engine: engine, log: first.app.log),
                    person: first.person))
        }
        for (index, node) in nodes.enumerated() { try await node.entitlements.recovery.startNode(as: "node-\(index)") }
        let maintenance = nodes.map { node in
            Task {
                while !Task.isCancelled {
                    try? await node.entitlements.escrow.settleDueBlocks()
                    try? await Task.sleep(for: .milliseconds(5))
                }
            }
        }
        func stop() async {
            for task in maintenance {
                task.cancel()
                await task.value
            }
            for node in nodes { try? await node.entitlements.escrow.close() }
            for node in nodes.dropFirst() { await node.database.close() }
        }
        do { try await body(nodes) } catch {
            await stop()
            throw error
        }
        await stop()
    }
}
