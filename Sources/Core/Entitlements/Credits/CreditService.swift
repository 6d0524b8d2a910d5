import Audit
package import Identity
import Ledger
package import Modules

/// Credits: given in lots, spent soonest-to-expire first, and every step of each of them written down in the ledger.
///
/// | what happens | a lot's units go | the organisation's accounts |
/// |---|---|---|
/// | grant | – → available | issued → available; what is owed is paid at once: available → debt |
/// | reserve | available → reserved | the same |
/// | commit | reserved → consumed, the rest back | the same |
/// | commit more than was reserved, or late | available → consumed as far as there are any | and debt → consumed for the rest |
/// | release, the lease's end | reserved → available, or expired where the lot is over | the same |
/// | spend | available → consumed | the same |
/// | the lot's end, the trial's end | available → expired | the same |
/// | a longer trial | expired → available | the same |
/// | an administrator takes some back | available → reversed | the same |
///
/// Every verb keeps the organisation's credits from everybody else until its transaction ends, and changes lots and accounts together.
package struct CreditService: Sendable {
    let database: any Database
    let ledger: Ledger
    let audit: AuditService
    let runtime: Runtime

    /// How long a hold stands without a word from its work.
    package static let lease: Duration = .hours(6)

    // MARK: Giving

    /// Gives credits. What is owed is paid from them first.
    /// - Returns: the lot; nil when this operation gave them before, and nothing has changed.
    @discardableResult
    package func grant(_ grant: CreditGrant, to organisation: ID<Organisation>, in transaction: Transaction) throws
        -> ID<CreditLot>?
    {
        try lock(organisation, in: transaction)
        guard try ledger.posting(ofOperation: grant.operation, of: organisation.text, in: transaction) == nil else {
            return nil
        }
        var moves = CreditMovements(organisation)
        let lot = try give(grant, &moves, in: transaction)
        try post(.granted, moves, operation: grant.operation, reason: grant.reason, in: transaction)
        return lot
    }

    func give(_ grant: CreditGrant, _ moves: inout CreditMovements, in transaction: Transaction) throws -> ID<CreditLot>
    {
        let lot: ID<CreditLot> = runtime.id()
        let debt = try transaction.creditBalance(of: moves.organisation).debt
        try transaction.insertLot(lot, of: moves.organisation, grant)
        moves.note(grant.units, from: .issued, to: .place(.available), lot)
        try moves.move(min(debt, grant.units), of: lot, from: .available, to: .consumed, paying: .debt, in: transaction)
        return lot
    }

    // MARK: Work that ends later

    /// Holds the credits of a charge for work that ends later.
    /// - Parameters:
    ///   - operation: names this work for good; the same key with the same fingerprint is the same hold, whatever became of it.
    ///   - fingerprint: what the work is about; the same key with another fingerprint is a conflict.
    /// - Returns: nil where the subscription covers the work, and there is nothing to settle.
    /// - Throws: `credits-exhausted` when somebody else was faster, `operation-conflict`.
    package func reserve(_ charge: CreditCharge, operation: String, fingerprint: String, in transaction: Transaction)
        throws -> ID<CreditHold>?
    {
        charge.isCovered ? nil : try hold(charge, operation: operation, fingerprint: fingerprint, in: transaction).id
    }

    /// As ``reserve(_:operation:fingerprint:in:)`` of a charge that is not covered.
    /// - Returns: the hold, and whether it was made now.
    func hold(_ charge: CreditCharge, operation: String, fingerprint: String, in transaction: Transaction) throws -> (
        id: ID<CreditHold>, isNew: Bool
    ) {
        let organisation = charge.organisation
        try lock(organisation, in: transaction)
        if let known = try transaction.creditHold(ofOperation: operation, of: organisation) {
            guard known.fingerprint == fingerprint else { throw Problem(.operationConflict) }
            return (known.id, false)
        }
        let parts = try drawAll(charge, in: transaction)
        let id: ID<CreditHold> = runtime.id()
        try transaction.insertHold(
            id, of: organisation, units: charge.units, operation: operation, fingerprint: fingerprint,
            leaseUntil: transaction.now + Self.lease)
        var moves = CreditMovements(organisation)
        for part in parts {
            try transaction.insertPart(part.units, of: part.lot, in: id)
            try moves.move(part.units, of: part.lot, from: .available, to: .reserved, in: transaction)
        }
        try post(.reserved, moves, operation: "reserve:\(id)", reason: operation, in: transaction)
        return (id, true)
    }

    /// The work ended well, and took `units`: less gives the rest back; more, or a hold whose lease ran out, takes what else there is, and
    /// what no credit is left for is owed. Work that was done is never forgotten. Saying so twice changes nothing.
    /// - Throws: `not-found` for a hold that is not the organisation's.
    package func commit(
        _ id: ID<CreditHold>, units: Int64, of organisation: ID<Organisation>, in transaction: Transaction
    ) throws {
        precondition(units >= 0, "work takes nothing or something")
        let hold = try locked(id, of: organisation, in: transaction)
        var moves = CreditMovements(organisation)
        var rest = units
        switch hold.state {
        case .committed, .released: return
        case .expired: break
        case .held:
            for part in try transaction.parts(of: id) {
                let consumed = min(rest, part.units)
                try moves.move(consumed, of: part.lot, from: .reserved, to: .consumed, in: transaction)
                try moves.move(
                    part.units - consumed, of: part.lot, from: .reserved, to: part.isOver ? .expired : .available,
                    in: transaction)
                rest -= consumed
            }
        }
        let (parts, overrun) = try draw(rest, of: organisation, in: transaction)
        for part in parts { try moves.move(part.units, of: part.lot, from: .available, to: .consumed, in: transaction) }
        moves.note(overrun, from: .debt, to: .place(.consumed))
        guard try transaction.settle(hold, of: organisation, as: .committed, actual: units, overrun: overrun) else {
            return
        }
        try post(.committed, moves, operation: "commit:\(id)", reason: hold.operation, in: transaction)
    }

    /// The work failed or was called off: its credits are free again, or gone where their lot is over. Saying so twice changes nothing.
    /// - Throws: `not-found` for a hold that is not the organisation's.
    package func release(_ id: ID<CreditHold>, of organisation: ID<Organisation>, in transaction: Transaction) throws {
        try giveBack(
            try locked(id, of: organisation, in: transaction), of: organisation, as: .released, .released,
            in: transaction)
    }

    /// The work is alive: its lease begins anew.
    package func extend(_ id: ID<CreditHold>, of organisation: ID<Organisation>, in transaction: Transaction) throws {
        _ = try transaction.extendHold(id, of: organisation, until: transaction.now + Self.lease)
    }

    func giveBack(
        _ hold: CreditHold, of organisation: ID<Organisation>, as state: CreditHold.State, _ kind: CreditEntry.Kind,
        in transaction: Transaction
    ) throws {
        guard hold.state == .held, try transaction.settle(hold, of: organisation, as: state, actual: 0, overrun: 0)
        else { return }
        var moves = CreditMovements(organisation)
        for part in try transaction.parts(of: hold.id) {
            try moves.move(
                part.units, of: part.lot, from: .reserved, to: part.isOver ? .expired : .available, in: transaction)
        }
        try post(kind, moves, operation: "\(kind.rawValue):\(hold.id)", reason: hold.operation, in: transaction)
    }

    // MARK: Work that is done at once

    /// Spends the credits of a charge: for work that is done in this transaction.
    /// - Parameter operation: names this work for good; it is never charged twice.
    /// - Throws: `credits-exhausted`, `operation-conflict`.
    package func spend(_ charge: CreditCharge, operation: String, in transaction: Transaction) throws {
        guard !charge.isCovered else { return }
        try lock(charge.organisation, in: transaction)
        var moves = CreditMovements(charge.organisation)
        for part in try drawAll(charge, in: transaction) {
            try moves.move(part.units, of: part.lot, from: .available, to: .consumed, in: transaction)
        }
        try post(.spent, moves, operation: "spend:\(operation)", reason: operation, in: transaction)
    }

    // MARK: What is there

    /// What an organisation has to spend now.
    package func balance(of organisation: ID<Organisation>, in transaction: Transaction) throws -> CreditBalance {
        try transaction.creditBalance(of: organisation)
    }

    /// Whether an operation was admitted before.
    func knows(operation: String, of organisation: ID<Organisation>, in transaction: Transaction) throws -> Bool {
        try transaction.creditHold(ofOperation: operation, of: organisation) != nil
            || ledger.posting(ofOperation: "spend:\(operation)", of: organisation.text, in: transaction) != nil
    }

    // MARK: What the verbs share

    /// Nobody else changes anything about these credits until the transaction ends.
    func lock(_ organisation: ID<Organisation>, in transaction: Transaction) throws {
        try ledger.lock(CreditAccount.place(.available).account(of: organisation), in: transaction)
    }

    private func locked(_ id: ID<CreditHold>, of organisation: ID<Organisation>, in transaction: Transaction) throws
        -> CreditHold
    {
        try lock(organisation, in: transaction)
        guard let hold = try transaction.creditHold(id, of: organisation) else {
            throw Problem(.notFound, detail: "There is no such hold of credits.")
        }
        return hold
    }

    /// What each lot gives to `units`, and how many there were no credits for.
    func draw(_ units: Int64, of organisation: ID<Organisation>, in transaction: Transaction) throws -> (
        parts: [(lot: ID<CreditLot>, units: Int64)], missing: Int64
    ) {
        guard units > 0 else { return ([], 0) }
        var missing = units
        let parts = try transaction.lotsToSpend(units, of: organisation).map { lot in
            let taken = min(missing, lot.available)
            missing -= taken
            return (lot: lot.id, units: taken)
        }
        return (parts, missing)
    }

    private func drawAll(_ charge: CreditCharge, in transaction: Transaction) throws -> [(
        lot: ID<CreditLot>, units: Int64
    )] {
        let balance = try transaction.creditBalance(of: charge.organisation)
        guard balance.allows(charge.units) else { throw charge.refusal(balance) }
        return try draw(charge.units, of: charge.organisation, in: transaction).parts
    }

    /// - Throws: `operation-conflict` for an operation that was posted before.
    @discardableResult
    func post(
        _ kind: CreditEntry.Kind,
        _ moves: CreditMovements,
        operation: String,
        fingerprint: String = "",
        reason: String = "",
        corrects: ID<Posting>? = nil,
        occurredAt: Instant? = nil,
        in transaction: Transaction
    ) throws -> ID<Posting>? {
        guard !moves.movements.isEmpty else { return nil }
        let posting = Posting(
            kind.rawValue, of: moves.organisation.text, in: .credits, operation: operation, fingerprint: fingerprint,
            reason: reason, corrects: corrects,
            occurredAt: occurredAt, moves.movements)
        guard let id = try ledger.post(posting, in: transaction) else { throw Problem(.operationConflict) }
        return id
    }
}

/// Moves of credits that belong together: what they do to lots happens at once, and all of them make one posting.
struct CreditMovements {
    let organisation: ID<Organisation>
    private(set) var movements: [Movement] = []

    init(_ organisation: ID<Organisation>) { self.organisation = organisation }

    /// Moves units of a lot, and notes it; nothing for no units.
    /// - Parameter account: where they go in the books, if that is not the place of the same name.
    mutating func move(
        _ units: Int64, of lot: ID<CreditLot>, from: CreditPlace, to: CreditPlace, paying account: CreditAccount? = nil,
        in transaction: Transaction
    ) throws {
        guard units > 0 else { return }
        guard try transaction.move(units, of: lot, in: organisation, from: from, to: to) else {
            // Whoever moves has locked the organisation and looked: it is a mistake of ours, and nothing of it may stay.
            throw StorageError(.other, code: "credits", message: "the lot \(lot) has not \(units) \(from.rawValue)")
        }
        note(units, from: .place(from), to: account ?? .place(to), lot)
    }

    /// Notes what no lot's count tells.
    mutating func note(_ units: Int64, from: CreditAccount, to: CreditAccount, _ lot: ID<CreditLot>? = nil) {
        guard units > 0 else { return }
        movements.append(
            Movement(units, from: from.account(of: organisation), to: to.account(of: organisation), subject: lot?.text))
    }
}
