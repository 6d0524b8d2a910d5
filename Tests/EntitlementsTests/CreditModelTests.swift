import App
import Base
import Identity
import Ledger
import Modules
import Synchronization
import TestKit
import Testing

@testable import Entitlements

/// Whatever happens in whatever order: the credits are where a plain model of them says.
@Suite struct CreditModelTests {
    /// How many verbs a run tries.
    private static let unitsMax: Int64 = 9
    private static func steps(_ engine: Engine) -> Int { engine == .sqlite ? 20_000 : 2_000 }

    @Test(arguments: Engine.available)
    func `random verbs lead where a plain model says`(engine: Engine) async throws {
        let seed = UInt64.random(in: .min ... .max)
        do {
            try await play(engine, seed: seed, steps: Self.steps(engine))
        } catch {
            Issue.record("seed \(seed): \(error)")
        }
    }

    private func play(_ engine: Engine, seed: UInt64, steps: Int) async throws {
        var dice = SplitMix(seed: seed)
        try await withTestApp(engine) { app in
            // Ids decide between lots of one moment, so they are thrown too.
            let random = Mutex(SplitMix(seed: seed &+ 1))
            let runtime = Runtime(now: { app.clock.now }) { count in
                (0..<count).map { _ in random.withLock { UInt8.random(in: 0...255, using: &$0) } }
            }
            let ledger = LedgerService(runtime: runtime)
            let book = CreditService(ledger: ledger, runtime: runtime)
            let expiry = CreditExpiryService(database: app.app.database, credits: book, runtime: runtime)
            let corrections = CreditCorrectionService(
                database: app.app.database, credits: book, ledger: ledger, audit: app.app.audit)
            let purses = [
                CreditFixture(app: app, person: try await app.subscriber("pro", "first")),
                CreditFixture(app: app, person: try await app.subscriber("pro", "second")),
            ]
            var models = purses.map { _ in CreditModel() }
            // The gate alone makes proofs, and makes them where there are credits; they are spent here whatever is left by then.
            var charges: [[CreditCharge]] = []
            for (index, purse) in purses.enumerated() {
                let lot = try #require(try await purse.grant(Self.unitsMax))
                models[index].grant(Self.unitsMax, lot, nil, at: app.clock.now)
                var own: [CreditCharge] = []
                for units in 1...Self.unitsMax { own.append(try await purse.charge(units)) }
                charges.append(own)
            }
            var (done, batches) = (0, 0)
            while done < steps {
                app.clock.advance(by: .minutes(Int64.random(in: 0...90, using: &dice)))
                let count = min(Int.random(in: 1...60, using: &dice), steps - done)
                let who = Int.random(in: 0...1, using: &dice)
                let (before, start, purse, own) = (models[who], dice, purses[who], charges[who])
                // Many verbs in one transaction: a refusal changes nothing, and does not end it.
                (models[who], dice) = try await app.app.database.write { transaction in
                    var (model, dice) = (before, start)
                    for _ in 0..<count {
                        try Self.step(&model, &dice, book, expiry, corrections, purse.organisation, own, transaction)
                    }
                    return (model, dice)
                }
                done += count
                batches += 1
                try await compare(purse, models[who], everything: batches.isMultiple(of: 100) || done == steps, seed)
                if batches.isMultiple(of: 200) {
                    #expect(try await Invariants.faults(in: app.app.database) == [], "seed \(seed)")
                }
            }
            for (purse, model) in zip(purses, models) { try await compare(purse, model, everything: true, seed) }
            #expect(try await Invariants.faults(in: app.app.database) == [], "seed \(seed)")
            let never = Set(CreditModel.Outcome.allCases).subtracting(models.flatMap(\.outcomes))
            #expect(never.isEmpty || engine == .postgres, "seed \(seed): \(never) never came about")
        }
    }

    private static func step(
        _ model: inout CreditModel, _ dice: inout SplitMix, _ book: CreditService, _ expiry: CreditExpiryService,
        _ corrections: CreditCorrectionService, _ organisation: ID<Organisation>,
        _ charges: [CreditCharge],
        _ transaction: Transaction
    ) throws {
        let now = transaction.now
        let operation = "test:\(dice.next())"
        func differs(_ what: String) -> CreditModel.Difference { CreditModel.Difference(what: "\(what) at \(now)") }
        switch Int.random(in: 0..<100, using: &dice) {
        case 0..<9:
            let units = Int64.random(in: 1...20, using: &dice)
            let end = Bool.random(using: &dice) ? now + .hours(Int64.random(in: 1...72, using: &dice)) : nil
            guard
                let lot = try book.grant(
                    CreditGrant(units, .grant, expiresAt: end, operation: operation), to: organisation, in: transaction)
            else {
                throw differs("a grant was not given")
            }
            model.grant(units, lot, end, at: now)
        case 9..<35:
            let charge = charges[Int.random(in: 0..<charges.count, using: &dice)]
            let hold = try granted { try book.reserve(charge, operation: operation, fingerprint: "", in: transaction) }
            guard model.reserve(charge.units, hold ?? nil, at: now) else { throw differs("reserving \(charge.units)") }
        case 35..<45:
            let charge = charges[Int.random(in: 0..<4, using: &dice)]
            let isSpent = try granted { try book.spend(charge, operation: operation, in: transaction) } != nil
            guard model.spend(charge.units, at: now) == isSpent else { throw differs("spending \(charge.units)") }
        case 45..<70:
            guard let hold = model.anyHold(&dice) else { return }
            let units = Int64.random(in: 0...11, using: &dice)
            try book.commit(hold, units: units, of: organisation, in: transaction)
            model.commit(hold, units, at: now)
        case 70..<80:
            guard let hold = model.anyHold(&dice) else { return }
            try book.release(hold, of: organisation, in: transaction)
            model.release(hold, at: now)
        case 80..<84:
            guard let hold = model.anyHold(&dice) else { return }
            try book.extend(hold, of: organisation, in: transaction)
            model.extend(hold, at: now)
        case 84..<90:
            guard let hold = model.anyHold(&dice) else { return }
            try expiry.expireHold(hold, of: organisation, in: transaction)
            model.endLease(hold, at: now)
        case 90..<95:
            guard let lot = model.anyLot(&dice) else { return }
            try expiry.expireLot(lot, of: organisation, in: transaction)
            model.expire(lot, at: now)
        default:
            let units = Int64.random(in: -6...3, using: &dice)
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

    private func compare(_ purse: CreditFixture, _ model: CreditModel, everything: Bool, _ seed: UInt64) async throws {
        let (balance, lots) = try await purse.database.read { transaction in
            (
                try purse.book.balance(of: purse.organisation, in: transaction),
                everything ? try transaction.lots(of: purse.organisation, limit: 1_000_000) : []
            )
        }
        guard balance == model.balance(at: purse.app.clock.now) else {
            throw CreditModel.Difference(
                what: "balance \(balance), and \(model.balance(at: purse.app.clock.now)) in the model")
        }
        guard everything else { return }
        #expect(lots.count == model.lots.count, "seed \(seed)")
        for lot in lots {
            let counts = [lot.available, lot.reserved, lot.consumed, lot.expired, lot.reversed]
            let expected = model.lots[lot.id]?.counts
            guard counts == expected else {
                throw CreditModel.Difference(what: "the lot \(lot.id): \(counts), and \(expected ?? []) in the model")
            }
        }
    }
}

/// Credits in a few dictionaries, moved one by one: slow, and plainly right.
struct CreditModel: Sendable {
    struct Difference: Error { let what: String }

    /// What has come about at least once: a test in which nothing is ever refused proves little.
    enum Outcome: CaseIterable, Sendable {
        case reserved, refused, less, more, late, owed, paid, lapsed, released, expired, goneWithLot, taken, notTaken
    }

    struct Lot: Sendable {
        let id: ID<CreditLot>
        let end: Instant?
        let made: Instant
        var available: Int64 = 0
        var reserved: Int64 = 0
        var consumed: Int64 = 0
        var expired: Int64 = 0
        var reversed: Int64 = 0
        var counts: [Int64] { [available, reserved, consumed, expired, reversed] }

        func isOver(_ now: Instant) -> Bool { end.map { $0 <= now } ?? false }
        func comesBefore(_ other: Lot) -> Bool {
            if end != other.end {
                return (end ?? Instant(microseconds: .max)) < (other.end ?? Instant(microseconds: .max))
            }
            return made == other.made ? id.text < other.id.text : made < other.made
        }
    }

    struct Hold: Sendable {
        var state = CreditHold.State.held
        /// One for each credit.
        var credits: [ID<CreditLot>]
        var lease: Instant
    }

    private(set) var lots: [ID<CreditLot>: Lot] = [:]
    private(set) var outcomes: Set<Outcome> = []
    private var holds: [ID<CreditHold>: Hold] = [:]
    private var debt: Int64 = 0
    /// Those that something may still happen to: looking through all would take for ever.
    private var liveLots: [ID<CreditLot>] = []
    private var recentHolds: [ID<CreditHold>] = []

    func balance(at now: Instant) -> CreditBalance {
        let live = liveLots.compactMap { lots[$0] }
        return CreditBalance(
            available: live.filter { !$0.isOver(now) }.reduce(0) { $0 + $1.available },
            reserved: live.reduce(0) { $0 + $1.reserved }, debt: debt)
    }

    func anyHold(_ dice: inout SplitMix) -> ID<CreditHold>? { recentHolds.randomElement(using: &dice) }
    func anyLot(_ dice: inout SplitMix) -> ID<CreditLot>? { liveLots.randomElement(using: &dice) }

    mutating func grant(_ units: Int64, _ id: ID<CreditLot>, _ end: Instant?, at now: Instant) {
        var lot = Lot(id: id, end: end, made: now)
        for _ in 0..<units {
            if debt > 0 {
                debt -= 1
                lot.consumed += 1
                outcomes.insert(.paid)
            } else {
                lot.available += 1
            }
        }
        lots[id] = lot
        liveLots = (liveLots + [id]).filter { lots[$0].map { $0.available + $0.reserved > 0 } ?? false }
    }

    /// - Returns: whether the hold ought to be there, or missing, as it is.
    mutating func reserve(_ units: Int64, _ id: ID<CreditHold>?, at now: Instant) -> Bool {
        guard debt == 0, balance(at: now).available >= units else {
            outcomes.insert(.refused)
            return id == nil
        }
        guard let id else { return false }
        let credits = (0..<units).compactMap { _ in take(at: now) }
        for lot in credits { lots[lot]?.reserved += 1 }
        holds[id] = Hold(credits: credits, lease: now + CreditService.lease)
        // What falls out of sight must still end some day.
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
            outcomes.insert(units < hold.credits.count ? .less : .more)
            for lot in hold.credits {
                lots[lot]?.reserved -= 1
                if rest > 0 {
                    rest -= 1
                    lots[lot]?.consumed += 1
                } else {
                    giveBack(lot, at: now)
                }
            }
        } else {
            outcomes.insert(.late)
        }
        consume(rest, at: now)
        holds[id]?.state = .committed
    }

    mutating func release(_ id: ID<CreditHold>, at now: Instant) { end(id, as: .released, .released, at: now) }

    mutating func extend(_ id: ID<CreditHold>, at now: Instant) {
        if holds[id]?.state == .held { holds[id]?.lease = now + CreditService.lease }
    }

    mutating func endLease(_ id: ID<CreditHold>, at now: Instant) {
        if let hold = holds[id], hold.lease < now { end(id, as: .expired, .lapsed, at: now) }
    }

    mutating func expire(_ id: ID<CreditLot>, at now: Instant) {
        guard let lot = lots[id], lot.isOver(now) else { return }
        if lot.available > 0 { outcomes.insert(.expired) }
        lots[id]?.expired += lot.available
        lots[id]?.available = 0
    }

    /// - Returns: whether it is possible.
    mutating func correct(_ units: Int64, _ lot: ID<CreditLot>?, at now: Instant) -> Bool {
        if units > 0 {
            guard let lot else { return false }
            grant(units, lot, nil, at: now)
            return true
        }
        guard balance(at: now).available >= -units else {
            outcomes.insert(.notTaken)
            return false
        }
        for _ in 0..<(-units) { if let lot = take(at: now) { lots[lot]?.reversed += 1 } }
        outcomes.insert(.taken)
        return true
    }

    private mutating func end(_ id: ID<CreditHold>, as state: CreditHold.State, _ outcome: Outcome, at now: Instant) {
        guard let hold = holds[id], hold.state == .held else { return }
        for lot in hold.credits {
            lots[lot]?.reserved -= 1
            giveBack(lot, at: now)
        }
        holds[id]?.state = state
        outcomes.insert(outcome)
    }

    private mutating func giveBack(_ id: ID<CreditLot>, at now: Instant) {
        if lots[id]?.isOver(now) == true {
            lots[id]?.expired += 1
            outcomes.insert(.goneWithLot)
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
                outcomes.insert(.owed)
            }
        }
    }

    /// One credit of the lot that expires soonest.
    private mutating func take(at now: Instant) -> ID<CreditLot>? {
        let lot = liveLots.compactMap { lots[$0] }.filter { $0.available > 0 && !$0.isOver(now) }.min {
            $0.comesBefore($1)
        }
        if let lot { lots[lot.id]?.available -= 1 }
        return lot?.id
    }
}
