package import Identity
import Ledger
package import Modules

/// Credits: granted in lots, spent soonest-to-expire first, with a ledger posting for every change.
///
/// | event | the lot's units | the organisation's accounts |
/// |---|---|---|
/// | grant | – → available | issued → available; debt is paid at once: available → debt |
/// | reserve | available → reserved | the same |
/// | commit | reserved → consumed, the rest back to available | the same |
/// | commit beyond the reserved units | available → consumed while there are any | and debt → consumed for the rest |
/// | commit of an expired hold | as a commit beyond the reserved units | the same |
/// | release, the end of the lease | reserved → available, or expired where the lot has expired | the same |
/// | spend | available → consumed | the same |
/// | the lot's expiry, the trial's end | available → expired | the same |
/// | a trial is extended | expired → available | the same |
/// | an administrator revokes credits | available → reversed | the same |
///
/// Every method locks the organisation's credits until the transaction ends, and changes lots and accounts together.
package final class CreditService: Sendable {
    /// The lease of a hold.
    package static let lease: Duration = .hours(6)

    let ledger: LedgerService
    let runtime: Runtime

    init(ledger: LedgerService, runtime: Runtime) {
        self.ledger = ledger
        self.runtime = runtime
    }

    // MARK: Grants

    /// Grants credits. Debt is paid from them first.
    /// - Returns: the lot; nil when this operation granted before, and nothing has changed.
    @discardableResult
    package func grant(_ grant: CreditGrant, to organisation: ID<Organisation>, in transaction: Transaction) throws
        -> ID<CreditLot>?
    {
        try lock(organisation, in: transaction)
        guard try ledger.posting(ofOperation: grant.operation, of: organisation.text, in: transaction) == nil else {
            return nil
        }
        var moves = CreditMovements(organisation)
        let lot = try insertLot(grant, &moves, in: transaction)
        try post(.granted, moves, operation: grant.operation, reason: grant.reason, in: transaction)
        return lot
    }

    /// Inserts the lot of a grant and adds its movements, without a posting.
    func insertLot(_ grant: CreditGrant, _ moves: inout CreditMovements, in transaction: Transaction) throws
        -> ID<CreditLot>
    {
        let lot: ID<CreditLot> = runtime.id()
        let debt = try transaction.creditBalance(of: moves.organisation).debt
        try transaction.insertLot(lot, of: moves.organisation, grant)
        moves.add(grant.units, from: .issued, to: .state(.available), lot)
        try moves.move(min(debt, grant.units), of: lot, from: .available, to: .consumed, paying: .debt, in: transaction)
        return lot
    }

    // MARK: Holds

    /// Reserves the credits of a charge for work that ends later.
    /// - Parameters:
    ///   - operation: the unique key of this work; a repeat with the same fingerprint returns the first hold, whatever
    ///     its state.
    ///   - fingerprint: identifies what the work is; the same key with another fingerprint is a conflict.
    /// - Returns: nil where the subscription covers the work.
    /// - Throws: `credits-exhausted` when the credits were taken since the gate's check, `operation-conflict`.
    package func reserve(_ charge: CreditCharge, operation: String, fingerprint: String, in transaction: Transaction)
        throws -> ID<CreditHold>?
    {
        charge.isCovered
            ? nil : try reserveOnce(charge, operation: operation, fingerprint: fingerprint, in: transaction).id
    }

    /// Credits as one of several claims of a request (``Swift/Array/takeAll(in:)``); nil where the subscription covers
    /// the work.
    /// - Parameters: as for ``reserve(_:operation:fingerprint:in:)``.
    package func claim(_ charge: CreditCharge, operation: String, fingerprint: String) -> (any Claim)? {
        charge.isCovered
            ? nil : CreditClaim(credits: self, charge: charge, operation: operation, fingerprint: fingerprint)
    }

    /// As ``reserve(_:operation:fingerprint:in:)``, for a charge that is not covered.
    /// - Returns: the hold, and whether this call made it.
    func reserveOnce(_ charge: CreditCharge, operation: String, fingerprint: String, in transaction: Transaction) throws
        -> (id: ID<CreditHold>, isNew: Bool)
    {
        let organisation = charge.organisation
        try lock(organisation, in: transaction)
        if let known = try transaction.creditHold(ofOperation: operation, of: organisation) {
            guard known.fingerprint == fingerprint else { throw Problem(.operationConflict) }
            return (known.id, false)
        }
        let parts = try allocateAll(charge, in: transaction)
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

    /// Settles a hold whose work succeeded and used `units`. Fewer units than were reserved return the rest. For more,
    /// or after the hold has expired, further credits are consumed; what exceeds them becomes debt. A repeat changes
    /// nothing.
    /// - Throws: `not-found` for a hold of another organisation.
    package func commit(
        _ id: ID<CreditHold>, units: Int64, of organisation: ID<Organisation>, in transaction: Transaction
    ) throws {
        precondition(units >= 0, "units are 0 or more")
        let hold = try lockedHold(id, of: organisation, in: transaction)
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
                    part.units - consumed, of: part.lot, from: .reserved, to: part.isExpired ? .expired : .available,
                    in: transaction)
                rest -= consumed
            }
        }
        let (parts, overrun) = try allocate(rest, of: organisation, in: transaction)
        for part in parts { try moves.move(part.units, of: part.lot, from: .available, to: .consumed, in: transaction) }
        moves.add(overrun, from: .debt, to: .state(.consumed))
        guard try transaction.settle(hold, of: organisation, as: .committed, actual: units, overrun: overrun) else {
            return
        }
        try post(.committed, moves, operation: "commit:\(id)", reason: hold.operation, in: transaction)
    }

    /// Settles a hold whose work failed or was cancelled: its credits are available again, or expired with their lot. A
    /// repeat changes nothing.
    /// - Throws: `not-found` for a hold of another organisation.
    package func release(_ id: ID<CreditHold>, of organisation: ID<Organisation>, in transaction: Transaction) throws {
        let hold = try lockedHold(id, of: organisation, in: transaction)
        try settleUnused(hold, of: organisation, as: .released, .released, in: transaction)
    }

    /// Renews the lease of work in progress. A lease that has ended, by the database's time, is not renewed.
    package func extend(_ id: ID<CreditHold>, of organisation: ID<Organisation>, in transaction: Transaction) throws {
        _ = try transaction.extendHold(id, of: organisation, until: transaction.now + Self.lease)
    }

    /// Returns all credits of a hold to their lots.
    func settleUnused(
        _ hold: CreditHold, of organisation: ID<Organisation>, as state: CreditHold.State, _ kind: CreditEntry.Kind,
        in transaction: Transaction
    ) throws {
        guard hold.state == .held, try transaction.settle(hold, of: organisation, as: state, actual: 0, overrun: 0)
        else { return }
        var moves = CreditMovements(organisation)
        for part in try transaction.parts(of: hold.id) {
            try moves.move(
                part.units, of: part.lot, from: .reserved, to: part.isExpired ? .expired : .available, in: transaction)
        }
        try post(kind, moves, operation: "\(kind.rawValue):\(hold.id)", reason: hold.operation, in: transaction)
    }

    // MARK: Spending

    /// Spends the credits of a charge for work that is done in this transaction.
    /// - Parameter operation: the unique key of this work.
    /// - Throws: `credits-exhausted`; `operation-conflict` for a repeat.
    package func spend(_ charge: CreditCharge, operation: String, in transaction: Transaction) throws {
        guard !charge.isCovered else { return }
        try lock(charge.organisation, in: transaction)
        var moves = CreditMovements(charge.organisation)
        for part in try allocateAll(charge, in: transaction) {
            try moves.move(part.units, of: part.lot, from: .available, to: .consumed, in: transaction)
        }
        try post(.spent, moves, operation: "spend:\(operation)", reason: operation, in: transaction)
    }

    // MARK: Balance

    package func balance(of organisation: ID<Organisation>, in transaction: Transaction) throws -> CreditBalance {
        try transaction.creditBalance(of: organisation)
    }

    /// Whether work with this operation key was admitted before.
    func isAdmitted(operation: String, of organisation: ID<Organisation>, in transaction: Transaction) throws -> Bool {
        try transaction.creditHold(ofOperation: operation, of: organisation) != nil
            || ledger.posting(ofOperation: "spend:\(operation)", of: organisation.text, in: transaction) != nil
    }

    // MARK: Trials

    /// Grants the credits of a trial.
    /// - Parameter units: 0 grants none.
    func grantTrialCredits(_ units: Int64, to trial: Subscription, in transaction: Transaction) throws {
        guard units > 0 else { return }
        try grant(
            CreditGrant(
                units, .trial, from: trial.id.text, expiresAt: trial.trialEndsAt, operation: "trial:\(trial.id)"),
            to: trial.organisation,
            in: transaction
        )
    }

    /// Moves the expiry of a trial's credits to the trial's end; an extension also restores those that have expired. It
    /// is called after every transition of a subscription, in its transaction, and does nothing where the end has not
    /// changed.
    func adjustTrialCredits(to subscription: Subscription, in transaction: Transaction) throws {
        let (organisation, now) = (subscription.organisation, transaction.now)
        guard try transaction.lot(from: subscription.id.text, .trial, of: organisation) != nil else { return }
        try lock(organisation, in: transaction)
        guard let lot = try transaction.lot(from: subscription.id.text, .trial, of: organisation),
            let before = lot.expiresAt
        else { return }
        let end = subscription.status == .trialing ? subscription.trialEndsAt ?? before : min(before, now)
        guard end != before else { return }
        try transaction.setLotExpiry(lot.id, of: organisation, at: end)
        var moves = CreditMovements(organisation)
        if end > now {
            try moves.move(lot.expired, of: lot.id, from: .expired, to: .available, in: transaction)
        } else {
            try moves.move(lot.available, of: lot.id, from: .available, to: .expired, in: transaction)
        }
        let kind: CreditEntry.Kind = end > now ? .extended : .expired
        try post(kind, moves, operation: "\(kind.rawValue):\(runtime.id() as ID<Posting>)", in: transaction)
    }

    // MARK: Shared

    /// Locks the organisation's credits until the transaction ends.
    func lock(_ organisation: ID<Organisation>, in transaction: Transaction) throws {
        try ledger.lock(CreditAccount.state(.available).account(of: organisation), in: transaction)
    }

    private func lockedHold(_ id: ID<CreditHold>, of organisation: ID<Organisation>, in transaction: Transaction) throws
        -> CreditHold
    {
        try lock(organisation, in: transaction)
        guard let hold = try transaction.creditHold(id, of: organisation) else {
            throw Problem(.notFound, detail: "There is no such hold of credits.")
        }
        return hold
    }

    /// How many of `units` each lot provides, soonest-to-expire first, and how many are missing.
    func allocate(_ units: Int64, of organisation: ID<Organisation>, in transaction: Transaction) throws -> (
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

    /// - Throws: `credits-exhausted`.
    private func allocateAll(_ charge: CreditCharge, in transaction: Transaction) throws -> [(
        lot: ID<CreditLot>, units: Int64
    )] {
        let balance = try transaction.creditBalance(of: charge.organisation)
        guard balance.allows(charge.units) else { throw charge.refusal(balance) }
        return try allocate(charge.units, of: charge.organisation, in: transaction).parts
    }

    /// - Returns: nil where there are no movements.
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
