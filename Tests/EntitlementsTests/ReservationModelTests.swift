import Base
import Foundation
import Identity
import Modules
import TestKit
import Testing

@testable import Entitlements

/// Random sequences of all moves, on the service and on a plain model beside it: they answer alike and count alike, after every one.
///
/// `GATEHOUSE_SEED` chooses other sequences. A failure names the seed and the number of the move.
@Suite struct ReservationModelTests {
    private static let seed = UInt64(ProcessInfo.processInfo.environment["GATEHOUSE_SEED"] ?? "") ?? 1
    /// In one transaction, and in one month.
    private static let (batch, batchesAPeriod) = (250, 16)
    private static let leases: [Duration] = [.minutes(10), .hours(1), .hours(6)]
    /// Somebody answers to one of the names, and nobody to the other.
    private static let losses: [Reservation.ExpiryPolicy] = [.release, .commit, .resolve("model"), .resolve("nobody")]
    private static let meters: [Meter] = [.uploads, .processing]

    /// What is carried from one transaction to the next; a transaction may have to be done again.
    private struct Play: Sendable {
        var model: ReservationModel
        var generator: SplitMix
        var number = 0
        var keys = 0
        /// What the two did not agree on.
        var difference: String?
    }

    @Test(arguments: Engine.available)
    func `service and model agree, whatever happens`(engine: Engine) async throws {
        // A statement takes PostgreSQL ten times as long; one text serves both engines.
        let moves = engine == .sqlite ? 100_000 : 12_000
        try await withTill(engine, plan: "enterprise") { till in
            till.entitlements.resolvers.register("model") { reservation, _ in
                ReservationModel.fate(
                    key: reservation.operation, amount: reservation.amount, leaseUntil: reservation.leaseUntil)
            }
            var play = Play(
                model: ReservationModel(limit: 999, now: till.app.clock.now), generator: SplitMix(seed: Self.seed))
            var charges: [Charge] = []
            for batch in 0..<(moves / Self.batch) {
                if batch.isMultiple(of: Self.batchesAPeriod) {
                    if batch > 0 { till.app.clock.advance(by: .days(31)) }
                    charges = []
                    for meter in Self.meters {
                        for units: Int64 in [1, 2, 7] { charges.append(try await till.charge(meter, units: units)) }
                    }
                    // What has ended is looked at no more, and its keys are not used again.
                    play.model.holds.removeAll { $0.state != "held" }
                    play.keys += 100
                }
                try await Self.passTime(till, &play)
                play.model.now = till.app.clock.now
                play = try await till.database.write { [play, charges, entitlements = till.entitlements] transaction in
                    var play = play
                    for _ in 0..<Self.batch where play.difference == nil {
                        try Self.move(&play, charges, entitlements, transaction)
                    }
                    return play
                }
                if let difference = play.difference {
                    Issue.record("\(difference): move \(play.number) of seed \(Self.seed)")
                    return
                }
                if batch.isMultiple(of: 40) { try await till.requireBalance() }
            }
            #expect(play.number == moves / Self.batch * Self.batch)
            let beyond = try await till.database.read {
                try $0.first("SELECT CAST(COALESCE(SUM(beyond), 0) AS \(.integer)) AS beyond FROM usage_entries")?.read(
                    "beyond", as: Int64.self)
            }
            #expect(beyond == play.model.beyond.values.reduce(0, +))
        }
    }

    /// Leases run out and the process begins another life, between two transactions.
    private static func passTime(_ till: QuotaFixture, _ play: inout Play) async throws {
        till.app.clock.advance(by: .minutes(Int64.random(in: 0..<20, using: &play.generator)))
        play.model.now = till.app.clock.now
        if Int.random(in: 0..<3, using: &play.generator) == 0 {
            let (found, expected) = (try await till.entitlements.recovery.recover(), play.model.sweep())
            if found != expected { play.difference = "\(found) leases ran out, not \(expected)" }
        }
        if Int.random(in: 0..<10, using: &play.generator) == 0 {
            let (found, expected) = (try await till.entitlements.recovery.startNode(as: "model"), play.model.begin())
            if found != expected { play.difference = "\(found) were left behind, not \(expected)" }
        }
    }

    private static func move(
        _ play: inout Play, _ charges: [Charge], _ entitlements: EntitlementsModule, _ transaction: Transaction
    ) throws {
        play.number += 1
        func random(_ count: Int) -> Int { Int.random(in: 0..<count, using: &play.generator) }
        func pick<Element>(_ elements: [Element]) -> Element { elements[random(elements.count)] }
        /// The usual one is one of the latest.
        let some =
            play.model.holds.isEmpty
            ? 0 : max(0, play.model.holds.count - 1 - random(min(play.model.holds.count, random(4) == 0 ? 400 : 30)))
        let (kind, charge) = (random(100), pick(charges))
        let terms = Reservation.Terms(
            lifetime: pick(Reservation.Lifetime.allCases), excess: pick(Reservation.Excess.allCases),
            onExpiry: pick(losses),
            lease: pick(leases))
        let touched = play.model.holds.isEmpty ? charge.bucket : play.model.holds[some].bucket
        let found: String
        let expected: String
        let name: String
        if play.model.holds.isEmpty || kind < 30 {
            // Mostly a new key.
            let isNew = random(5) > 0
            if isNew { play.keys += 1 }
            let key = isNew ? "test-\(play.keys)" : "test-\(max(1, play.keys - random(20)))"
            let fingerprint = random(20) == 0 ? "other" : "print"
            let several = random(4) == 0 ? [charge, pick(charges.filter { $0.meter != charge.meter })] : [charge]
            var ids: [ID<Reservation>]?
            found = try answer {
                ids = try entitlements.quotas.reserve(
                    several, key: key, fingerprint: fingerprint, terms: terms, in: transaction)
                return "ok"
            }
            name = "reserve \(several.map { "\($0.units) \($0.meter.name)" }) as \(key)"
            expected = play.model.reserve(
                several, keys: several.map { $0.operation(key: key) }, fingerprint, terms, ids: ids)
        } else if kind < 40 {
            if random(4) > 0 { play.keys += 1 }
            let key = "test:spend-\(play.keys)"
            found = try answer {
                try entitlements.quotas.spend(charge, operation: key, in: transaction)
                return "ok"
            }
            expected = play.model.spend(charge, key)
            name = "spend"
        } else {
            let hold = play.model.holds[some]
            let fence = pick([nil, hold.fence, hold.fence, hold.fence - 1])
            switch kind {
            case 40..<65:
                let units = pick([
                    hold.amount, hold.amount, max(0, hold.amount - 1), 0, hold.amount + 1,
                    hold.amount + Int64(random(40)),
                ])
                found = try answer {
                    try entitlements.quotas.commit(hold.id, units: units, fence: fence, in: transaction)
                    return "ok"
                }
                expected = play.model.commit(some, units, fence: fence)
                name = "commit \(units) of \(hold)"
            case 65..<85:
                found = try answer {
                    try entitlements.quotas.release(hold.id, fence: fence, in: transaction)
                    return "ok"
                }
                expected = play.model.release(some, fence: fence)
                name = "release \(hold)"
            case 85..<94:
                let lease = pick(leases)
                found =
                    try entitlements.quotas.extend(hold.id, fence: fence, lease: lease, in: transaction) ? "yes" : "no"
                expected = play.model.extend(some, fence: fence, lease: lease)
                name = "extend \(hold)"
            default:
                let lease = pick(leases)
                found = try entitlements.quotas.takeOver(hold.id, lease: lease, in: transaction).map { "\($0)" } ?? "no"
                expected = play.model.takeUp(some, lease: lease)
                name = "take up \(hold)"
            }
        }
        if found != expected { play.difference = "\(name) answers \(found), not \(expected)" }
        let buckets = play.number.isMultiple(of: 25) ? charges.map(\.bucket) : [charge.bucket]
        for bucket in Set(buckets + [touched]) {
            let level = try transaction.level(of: bucket)
            let model = Level(used: play.model.used[bucket, default: 0], held: play.model.held[bucket, default: 0])
            if level != model { play.difference = "after \(name) of \(bucket.meter) there are \(level), not \(model)" }
            if level.used + level.held > play.model.limit + play.model.beyond[bucket, default: 0] {
                play.difference = "after \(name) the limit is passed"
            }
        }
    }

    /// What a verb says: its answer, or the code of its refusal.
    private static func answer(_ verb: () throws -> String) throws -> String {
        do { return try verb() } catch let problem as Problem where problem.kind.status < 500 {
            return problem.kind.code
        }
    }
}
