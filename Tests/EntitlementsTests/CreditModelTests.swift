import App
import Audit
import Base
import Identity
import Ledger
import Modules
import Synchronization
import TestKit
import Testing

@testable import Entitlements

/// Random operations on the service and on a reference model: every lot has the same counts after each batch.
@Suite struct CreditModelTests {
    /// Units of one charge.
    private static let unitsMax: Int64 = 9
    /// The number of steps in which every outcome occurs.
    private static let stepsForAllOutcomes = 20_000

    /// The operations of a run. PostgreSQL needs about ten times as long for each.
    private static func steps(_ engine: Engine) -> Int {
        TestScale.rounds(engine == .sqlite ? stepsForAllOutcomes : 2_000)
    }

    @Test(arguments: Engine.available)
    func `random operations agree with a reference model`(engine: Engine) async throws {
        let seed = UInt64.random(in: .min ... .max)
        do {
            try await run(engine, seed: seed, steps: Self.steps(engine))
        } catch {
            Issue.record("seed \(seed): \(error)")
        }
    }

    private func run(_ engine: Engine, seed: UInt64, steps: Int) async throws {
        var generator = SplitMix(seed: seed)
        try await withTestApp(engine) { app in
            // Ids order the lots of one time, so they come from the seed, too.
            let random = Mutex(SplitMix(seed: seed &+ 1))
            let runtime = Runtime(now: { app.clock.now }) { count in
                (0..<count).map { _ in random.withLock { UInt8.random(in: 0...255, using: &$0) } }
            }
            let ledger = LedgerService(runtime: runtime)
            let service = CreditService(ledger: ledger, runtime: runtime)
            let expiry = CreditExpiryService(database: app.app.database, credits: service, runtime: runtime)
            let corrections = CreditCorrectionService(
                database: app.app.database, credits: service, ledger: ledger, audit: app.app.audit.service)
            let fixtures = [
                CreditFixture(app: app, person: try await app.subscriber("pro", "first")),
                CreditFixture(app: app, person: try await app.subscriber("pro", "second")),
            ]
            var models = fixtures.map { _ in CreditModel() }
            // The gate returns a charge only while credits are available; the charges are used later, whatever the
            // balance is.
            var charges: [[CreditCharge]] = []
            for (index, credits) in fixtures.enumerated() {
                let lot = try #require(try await credits.grant(Self.unitsMax))
                models[index].grant(Self.unitsMax, lot, nil, at: app.clock.now)
                var own: [CreditCharge] = []
                for units in 1...Self.unitsMax { own.append(try await credits.charge(units)) }
                charges.append(own)
            }
            var (done, batches) = (0, 0)
            while done < steps {
                app.clock.advance(by: .minutes(Int64.random(in: 0...90, using: &generator)))
                let count = min(Int.random(in: 1...60, using: &generator), steps - done)
                let index = Int.random(in: 0...1, using: &generator)
                let (before, start, credits, own) = (models[index], generator, fixtures[index], charges[index])
                // Many operations in one transaction: a refusal changes nothing and does not end it.
                (models[index], generator) = try await app.app.database.write { transaction in
                    var (model, generator) = (before, start)
                    for _ in 0..<count {
                        try Self.step(
                            &model, &generator, service, expiry, corrections, credits.organisation, own, transaction)
                    }
                    return (model, generator)
                }
                done += count
                batches += 1
                try await compare(credits, models[index], allLots: batches.isMultiple(of: 100) || done == steps, seed)
                if batches.isMultiple(of: 200) {
                    #expect(try await Invariants.faults(in: app.app.database) == [], "seed \(seed)")
                }
            }
            for (credits, model) in zip(fixtures, models) { try await compare(credits, model, allLots: true, seed) }
            #expect(try await Invariants.faults(in: app.app.database) == [], "seed \(seed)")
            let missing = Set(CreditModel.Outcome.allCases).subtracting(models.flatMap(\.outcomes))
            #expect(missing.isEmpty || steps < Self.stepsForAllOutcomes, "seed \(seed): \(missing) did not occur")
        }
    }

    private static func step(
        _ model: inout CreditModel, _ generator: inout SplitMix, _ service: CreditService,
        _ expiry: CreditExpiryService, _ corrections: CreditCorrectionService, _ organisation: ID<Organisation>,
        _ charges: [CreditCharge],
        _ transaction: Transaction
    ) throws {
        let now = transaction.now
        let operation = "test:\(generator.next())"
        func differs(_ text: String) -> CreditModel.Difference { CreditModel.Difference(text: "\(text) at \(now)") }
        switch Int.random(in: 0..<100, using: &generator) {
        case 0..<9:
            let units = Int64.random(in: 1...20, using: &generator)
            let end = Bool.random(using: &generator) ? now + .hours(Int64.random(in: 1...72, using: &generator)) : nil
            guard
                let lot = try service.grant(
                    CreditGrant(units, .grant, expiresAt: end, operation: operation), to: organisation, in: transaction)
            else {
                throw differs("a grant was not applied")
            }
            model.grant(units, lot, end, at: now)
        case 9..<35:
            let charge = charges[Int.random(in: 0..<charges.count, using: &generator)]
            let hold = try granted {
                try service.reserve(charge, operation: operation, fingerprint: "", in: transaction)
            }
            guard model.reserve(charge.units, hold ?? nil, at: now) else { throw differs("reserving \(charge.units)") }
        case 35..<45:
            let charge = charges[Int.random(in: 0..<4, using: &generator)]
            let isSpent = try granted { try service.spend(charge, operation: operation, in: transaction) } != nil
            guard model.spend(charge.units, at: now) == isSpent else { throw differs("spending \(charge.units)") }
        case 45..<70:
            guard let hold = model.anyHold(&generator) else { return }
            let units = Int64.random(in: 0...11, using: &generator)
            try service.commit(hold, units: units, of: organisation, in: transaction)
            model.commit(hold, units, at: now)
        case 70..<80:
            guard let hold = model.anyHold(&generator) else { return }
            try service.release(hold, of: organisation, in: transaction)
            model.release(hold, at: now)
        case 80..<84:
            guard let hold = model.anyHold(&generator) else { return }
            try service.extend(hold, of: organisation, in: transaction)
            model.extend(hold, at: now)
        case 84..<90:
            guard let hold = model.anyHold(&generator) else { return }
            try expiry.expireHold(hold, of: organisation, in: transaction)
            model.endLease(hold, at: now)
        case 90..<95:
            guard let lot = model.anyLot(&generator) else { return }
            try expiry.expireLot(lot, of: organisation, in: transaction)
            model.expire(lot, at: now)
        default:
            let units = Int64.random(in: -6...3, using: &generator)
            guard units != 0 else { return }
            let correction = CreditCorrection(units: units, reason: "a test")
            let entry = try granted {
                try corrections.correct(
                    correction, operation: operation, fingerprint: "", of: organisation, in: transaction
                )
                .entry
            }
            let lot = entry?.steps.first.flatMap { $0.from == "issued" ? $0.subject : nil }.map {
                ID<CreditLot>(trusted: $0)
            }
            guard model.correct(units, lot, at: now) == (entry != nil) else { throw differs("correcting by \(units)") }
        }
    }

    /// - Returns: nil for a refusal.
    private static func granted<Result>(_ body: () throws -> Result) throws -> Result? {
        do {
            return try body()
        } catch let problem as Problem where problem.kind == .creditsExhausted || problem.kind == .creditsNotAvailable {
            return nil
        }
    }

    private func compare(_ credits: CreditFixture, _ model: CreditModel, allLots: Bool, _ seed: UInt64) async throws {
        let (balance, lots) = try await credits.database.read { transaction in
            (
                try credits.service.balance(of: credits.organisation, in: transaction),
                allLots ? try transaction.lots(of: credits.organisation, limit: 1_000_000) : []
            )
        }
        guard balance == model.balance(at: credits.app.clock.now) else {
            throw CreditModel.Difference(
                text: "balance \(balance), and \(model.balance(at: credits.app.clock.now)) in the model")
        }
        guard allLots else { return }
        #expect(lots.count == model.lots.count, "seed \(seed)")
        for lot in lots {
            let counts = [lot.available, lot.reserved, lot.consumed, lot.expired, lot.reversed]
            let expected = model.lots[lot.id]?.counts
            guard counts == expected else {
                throw CreditModel.Difference(text: "the lot \(lot.id): \(counts), and \(expected ?? []) in the model")
            }
        }
    }
}

/// A reference model of credits: dictionaries and single credits, without optimization.
struct CreditModel: Sendable {
    struct Difference: Error { let text: String }

    /// The kinds of results. A full run has to produce all of them, so that none is untested.
    enum Outcome: CaseIterable, Sendable {
        case reserved, reservationRefused
        case committedLess, committedAllOrMore, committedLate
        case debtIncurred, debtPaid
        case leaseExpired, released, lotExpired, expiredOnRelease
        case reversed, reversalRefused
    }

    struct Lot: Sendable {
        let id: ID<CreditLot>
        let end: Instant?
        let createdAt: Instant
        var available: Int64 = 0
        var reserved: Int64 = 0
        var consumed: Int64 = 0
        var expired: Int64 = 0
        var reversed: Int64 = 0
        var counts: [Int64] { [available, reserved, consumed, expired, reversed] }

        func isExpired(_ now: Instant) -> Bool { end.map { $0 <= now } ?? false }
        func comesBefore(_ other: Lot) -> Bool {
            if end != other.end {
                return (end ?? Instant(microseconds: .max)) < (other.end ?? Instant(microseconds: .max))
            }
            return createdAt == other.createdAt ? id.text < other.id.text : createdAt < other.createdAt
        }
    }

    struct Hold: Sendable {
        var state = CreditHold.State.held
        /// The lot of each credit.
        var credits: [ID<CreditLot>]
        var lease: Instant
    }

    private(set) var lots: [ID<CreditLot>: Lot] = [:]
    private(set) var outcomes: Set<Outcome> = []
    private var holds: [ID<CreditHold>: Hold] = [:]
    private var debt: Int64 = 0
    /// The lots and holds that operations still choose from, which bounds the time of a step.
    private var liveLots: [ID<CreditLot>] = []
    private var recentHolds: [ID<CreditHold>] = []

    func balance(at now: Instant) -> CreditBalance {
        let live = liveLots.compactMap { lots[$0] }
        return CreditBalance(
            available: live.filter { !$0.isExpired(now) }.reduce(0) { $0 + $1.available },
            reserved: live.reduce(0) { $0 + $1.reserved }, debt: debt)
    }

    func anyHold(_ generator: inout SplitMix) -> ID<CreditHold>? { recentHolds.randomElement(using: &generator) }
    func anyLot(_ generator: inout SplitMix) -> ID<CreditLot>? { liveLots.randomElement(using: &generator) }

    mutating func grant(_ units: Int64, _ id: ID<CreditLot>, _ end: Instant?, at now: Instant) {
        var lot = Lot(id: id, end: end, createdAt: now)
        for _ in 0..<units {
            if debt > 0 {
                debt -= 1
                lot.consumed += 1
                outcomes.insert(.debtPaid)
            } else {
                lot.available += 1
            }
        }
        lots[id] = lot
        liveLots = (liveLots + [id]).filter { lots[$0].map { $0.available + $0.reserved > 0 } ?? false }
    }

    /// - Returns: whether the service was right to return the hold, or to refuse it.
    mutating func reserve(_ units: Int64, _ id: ID<CreditHold>?, at now: Instant) -> Bool {
        guard debt == 0, balance(at: now).available >= units else {
            outcomes.insert(.reservationRefused)
            return id == nil
        }
        guard let id else { return false }
        let credits = (0..<units).compactMap { _ in take(at: now) }
        for lot in credits { lots[lot]?.reserved += 1 }
        holds[id] = Hold(credits: credits, lease: now + CreditService.lease)
        // Held ones stay in the list, so that each ends at some time.
        recentHolds = recentHolds.dropLast(40).filter { holds[$0]?.state == .held } + recentHolds.suffix(40) + [id]
        outcomes.insert(.reserved)
        return true
    }

    mutating func spend(_ units: Int64, at now: Instant) -> Bool {
        guard debt == 0, balance(at: now).available >= units else { return false }
        consume(units, at: now)
        return true
    }

    mutating func commit(_ id: ID<CreditHold>, _ units: Int64, at now: Instant) {
        guard let hold = holds[id], hold.state == .held || hold.state == .expired else { return }
        var rest = units
        if hold.state == .held {
            outcomes.insert(units < hold.credits.count ? .committedLess : .committedAllOrMore)
            for lot in hold.credits {
                lots[lot]?.reserved -= 1
                if rest > 0 {
                    rest -= 1
                    lots[lot]?.consumed += 1
                } else {
                    returnCredit(lot, at: now)
                }
            }
        } else {
            outcomes.insert(.committedLate)
        }
        consume(rest, at: now)
        holds[id]?.state = .committed
    }

    mutating func release(_ id: ID<CreditHold>, at now: Instant) { end(id, as: .released, .released, at: now) }

    mutating func extend(_ id: ID<CreditHold>, at now: Instant) {
        if let hold = holds[id], hold.state == .held, now <= hold.lease { holds[id]?.lease = now + CreditService.lease }
    }

    mutating func endLease(_ id: ID<CreditHold>, at now: Instant) {
        if let hold = holds[id], hold.lease < now { end(id, as: .expired, .leaseExpired, at: now) }
    }

    mutating func expire(_ id: ID<CreditLot>, at now: Instant) {
        guard let lot = lots[id], lot.isExpired(now) else { return }
        if lot.available > 0 { outcomes.insert(.lotExpired) }
        lots[id]?.expired += lot.available
        lots[id]?.available = 0
    }

    /// - Returns: whether the correction is possible.
    mutating func correct(_ units: Int64, _ lot: ID<CreditLot>?, at now: Instant) -> Bool {
        if units > 0 {
            guard let lot else { return false }
            grant(units, lot, nil, at: now)
            return true
        }
        guard balance(at: now).available >= -units else {
            outcomes.insert(.reversalRefused)
            return false
        }
        for _ in 0..<(-units) { if let lot = take(at: now) { lots[lot]?.reversed += 1 } }
        outcomes.insert(.reversed)
        return true
    }

    private mutating func end(_ id: ID<CreditHold>, as state: CreditHold.State, _ outcome: Outcome, at now: Instant) {
        guard let hold = holds[id], hold.state == .held else { return }
        for lot in hold.credits {
            lots[lot]?.reserved -= 1
            returnCredit(lot, at: now)
        }
        holds[id]?.state = state
        outcomes.insert(outcome)
    }

    private mutating func returnCredit(_ id: ID<CreditLot>, at now: Instant) {
        if lots[id]?.isExpired(now) == true {
            lots[id]?.expired += 1
            outcomes.insert(.expiredOnRelease)
        } else {
            lots[id]?.available += 1
        }
    }

    private mutating func consume(_ units: Int64, at now: Instant) {
        for _ in 0..<units {
            if let lot = take(at: now) {
                lots[lot]?.consumed += 1
            } else {
                debt += 1
                outcomes.insert(.debtIncurred)
            }
        }
    }

    /// Takes one credit from the lot that expires soonest.
    private mutating func take(at now: Instant) -> ID<CreditLot>? {
        let lot = liveLots.compactMap { lots[$0] }.filter { $0.available > 0 && !$0.isExpired(now) }.min {
            $0.comesBefore($1)
        }
        if let lot { lots[lot.id]?.available -= 1 }
        return lot?.id
    }
}
