import Base
import Foundation
import Identity
import Modules
import TestKit
import Testing

@testable import Entitlements

/// Random sequences of all operations, on the service and on a reference model: results and levels agree after every
/// one.
///
/// `GATEHOUSE_SEED` selects other sequences. A failure names the seed and the number of the operation.
@Suite struct ReservationModelTests {
    private static let seed = UInt64(ProcessInfo.processInfo.environment["GATEHOUSE_SEED"] ?? "") ?? 1
    /// Operations in one transaction, and transactions in one period.
    private static let (batch, batchesAPeriod) = (250, 16)
    private static let leases: [Duration] = [.minutes(10), .hours(1), .hours(6)]
    /// A resolver is registered for the name `model`, none for `unknown`.
    private static let losses: [Reservation.ExpiryPolicy] = [.release, .commit, .resolve("model"), .resolve("unknown")]
    private static let meters: [Meter] = [.uploads, .processing]

    /// The state between two transactions, as a value: a transaction may be retried.
    private struct Run: Sendable {
        var model: ReservationModel
        var generator: SplitMix
        var number = 0
        var keys = 0
        /// The first difference between service and model.
        var difference: String?
    }

    @Test(arguments: Engine.available)
    func `service and model agree on random operations`(engine: Engine) async throws {
        // A statement takes about ten times as long on PostgreSQL; both engines run the same SQL.
        let operations = TestScale.rounds(engine == .sqlite ? 100_000 : 12_000)
        try await withQuotaFixture(engine, plan: "enterprise") { quota in
            quota.entitlements.resolvers.register("model") { reservation, _ in
                ReservationModel.outcome(
                    key: reservation.operation, amount: reservation.amount, leaseUntil: reservation.leaseUntil)
            }
            var run = Run(
                model: ReservationModel(limit: 999, now: quota.app.clock.now), generator: SplitMix(seed: Self.seed))
            var charges: [Charge] = []
            for batch in 0..<(operations / Self.batch) {
                if batch.isMultiple(of: Self.batchesAPeriod) {
                    if batch > 0 { quota.app.clock.advance(by: .days(31)) }
                    charges = []
                    for meter in Self.meters {
                        for units: Int64 in [1, 2, 7] { charges.append(try await quota.charge(meter, units: units)) }
                    }
                    // Ended holds are dropped from the model, and their keys are not used again.
                    run.model.holds.removeAll { $0.state != "held" }
                    run.keys += 100
                }
                try await Self.advanceTime(quota, &run)
                run.model.now = quota.app.clock.now
                run = try await quota.database.write { [run, charges, entitlements = quota.entitlements] transaction in
                    var run = run
                    for _ in 0..<Self.batch where run.difference == nil {
                        try Self.perform(&run, charges, entitlements, transaction)
                    }
                    return run
                }
                if let difference = run.difference {
                    Issue.record("\(difference): operation \(run.number) of seed \(Self.seed)")
                    return
                }
                if batch.isMultiple(of: 40) { try await quota.requireInvariants() }
            }
            #expect(run.number == operations / Self.batch * Self.batch)
            let beyond = try await quota.database.read {
                try $0.first("SELECT CAST(COALESCE(SUM(beyond), 0) AS \(.integer)) AS beyond FROM usage_entries")?.read(
                    "beyond", as: Int64.self)
            }
            #expect(beyond == run.model.beyond.values.reduce(0, +))
        }
    }

    /// Between two transactions leases expire and the process restarts.
    private static func advanceTime(_ quota: QuotaFixture, _ run: inout Run) async throws {
        quota.app.clock.advance(by: .minutes(Int64.random(in: 0..<20, using: &run.generator)))
        run.model.now = quota.app.clock.now
        if Int.random(in: 0..<3, using: &run.generator) == 0 {
            let (found, expected) = (try await quota.entitlements.recovery.recover(), run.model.recover())
            if found != expected { run.difference = "\(found) leases expired, not \(expected)" }
        }
        if Int.random(in: 0..<10, using: &run.generator) == 0 {
            let (found, expected) = (try await quota.entitlements.recovery.startNode(as: "model"), run.model.begin())
            if found != expected { run.difference = "\(found) reservations were resolved, not \(expected)" }
        }
    }

    private static func perform(
        _ run: inout Run, _ charges: [Charge], _ entitlements: EntitlementsModule, _ transaction: Transaction
    ) throws {
        run.number += 1
        func random(_ count: Int) -> Int { Int.random(in: 0..<count, using: &run.generator) }
        func choose<Element>(_ elements: [Element]) -> Element { elements[random(elements.count)] }
        /// The index of a hold, mostly one of the latest.
        let index =
            run.model.holds.isEmpty
            ? 0 : max(0, run.model.holds.count - 1 - random(min(run.model.holds.count, random(4) == 0 ? 400 : 30)))
        let (kind, charge) = (random(100), choose(charges))
        let terms = Reservation.Terms(
            lifetime: choose(Reservation.Lifetime.allCases), onExpiry: choose(losses), lease: choose(leases))
        let touched = run.model.holds.isEmpty ? charge.bucket : run.model.holds[index].bucket
        let found: String
        let expected: String
        let name: String
        if run.model.holds.isEmpty || kind < 30 {
            // A new key in four of five cases.
            let isNew = random(5) > 0
            if isNew { run.keys += 1 }
            let key = isNew ? "test-\(run.keys)" : "test-\(max(1, run.keys - random(20)))"
            let fingerprint = random(20) == 0 ? "other" : "fingerprint"
            let reserved = random(4) == 0 ? [charge, choose(charges.filter { $0.meter != charge.meter })] : [charge]
            var ids: [ID<Reservation>]?
            found = try result {
                ids = try entitlements.quotas.reserve(
                    reserved, key: key, fingerprint: fingerprint, terms: terms, in: transaction)
                return "ok"
            }
            name = "reserve \(reserved.map { "\($0.units) \($0.meter.name)" }) as \(key)"
            expected = run.model.reserve(
                reserved, keys: reserved.map { $0.operation(key: key) }, fingerprint, terms, ids: ids)
        } else if kind < 40 {
            if random(4) > 0 { run.keys += 1 }
            let key = "test:spend-\(run.keys)"
            found = try result {
                try entitlements.quotas.spend(charge, operation: key, in: transaction)
                return "ok"
            }
            expected = run.model.spend(charge, key)
            name = "spend"
        } else {
            let hold = run.model.holds[index]
            let fence = choose([nil, hold.fence, hold.fence, hold.fence - 1])
            switch kind {
            case 40..<65:
                let units = choose([
                    hold.amount, hold.amount, max(0, hold.amount - 1), 0, hold.amount + 1,
                    hold.amount + Int64(random(40)),
                ])
                found = try result {
                    try entitlements.quotas.commit(hold.id, units: units, fence: fence, in: transaction)
                    return "ok"
                }
                expected = run.model.commit(index, units, fence: fence)
                name = "commit \(units) of \(hold)"
            case 65..<85:
                found = try result {
                    try entitlements.quotas.release(hold.id, fence: fence, in: transaction)
                    return "ok"
                }
                expected = run.model.release(index, fence: fence)
                name = "release \(hold)"
            default:
                let lease = choose(leases)
                found =
                    try entitlements.quotas.extend(hold.id, fence: fence, lease: lease, in: transaction) ? "yes" : "no"
                expected = run.model.extend(index, fence: fence, lease: lease)
                name = "extend \(hold)"
            }
        }
        if found != expected { run.difference = "\(name) returns \(found), not \(expected)" }
        let buckets = run.number.isMultiple(of: 25) ? charges.map(\.bucket) : [charge.bucket]
        for bucket in Set(buckets + [touched]) {
            let level = try transaction.level(of: bucket)
            let model = Level(used: run.model.used[bucket, default: 0], held: run.model.held[bucket, default: 0])
            if level != model {
                run.difference = "after \(name) the level of \(bucket.meter) is \(level), not \(model)"
            }
            if level.used + level.held > run.model.limit + run.model.beyond[bucket, default: 0] {
                run.difference = "after \(name) the limit is exceeded"
            }
        }
    }

    /// The result of an operation, or the code of its refusal.
    private static func result(_ operation: () throws -> String) throws -> String {
        do { return try operation() } catch let problem as Problem where problem.kind.status < 500 {
            return problem.kind.code
        }
    }
}
