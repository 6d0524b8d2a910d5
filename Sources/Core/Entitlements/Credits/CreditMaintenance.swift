import Identity
import Ledger
import Modules

/// What time does to credits.
extension CreditService {
    /// How many lots or holds one transaction settles.
    private static let batchMax = 200

    /// Ends leases that ran out and writes off lots that expired. It may run as often as it likes, and anywhere.
    func settleAll() async throws(Problem) {
        while try await endLeases() == Self.batchMax {}
        while try await expireLots() == Self.batchMax {}
    }

    private func endLeases() async throws(Problem) -> Int {
        try await database.write { transaction in
            let due = try transaction.holdsToExpire(limit: Self.batchMax)
            for (id, organisation) in due { try endLease(id, of: organisation, in: transaction) }
            return due.count
        }
    }

    /// Nobody said anything of the work for as long as its lease lasted: its credits are free again.
    func endLease(_ id: ID<CreditHold>, of organisation: ID<Organisation>, in transaction: Transaction) throws {
        try lock(organisation, in: transaction)
        // While we waited its work may have ended, or spoken.
        guard try transaction.isDue(id, of: organisation), let hold = try transaction.creditHold(id, of: organisation)
        else { return }
        try giveBack(hold, of: organisation, as: .expired, .lapsed, in: transaction)
    }

    private func expireLots() async throws(Problem) -> Int {
        try await database.write { transaction in
            let due = try transaction.lotsToExpire(limit: Self.batchMax)
            for (id, organisation) in due { try expire(id, of: organisation, in: transaction) }
            return due.count
        }
    }

    /// Writes off what a lot has left, as of the moment at which it ended.
    func expire(_ id: ID<CreditLot>, of organisation: ID<Organisation>, in transaction: Transaction) throws {
        try lock(organisation, in: transaction)
        guard let lot = try transaction.lot(id, of: organisation), lot.isOver(at: transaction.now) else { return }
        var moves = CreditMovements(organisation)
        try moves.move(lot.available, of: id, from: .available, to: .expired, in: transaction)
        try post(
            .expired, moves, operation: "expire:\(runtime.id() as ID<Posting>)", occurredAt: lot.expiresAt,
            in: transaction)
    }
}

/// The credits of a trial last as long as it does.
extension CreditService {
    /// Gives a trial its credits.
    /// - Parameter units: nothing for none.
    func begin(_ trial: Subscription, with units: Int64, in transaction: Transaction) throws {
        guard units > 0 else { return }
        try grant(
            CreditGrant(
                units, .trial, from: trial.id.text, expiresAt: trial.trialEndsAt, operation: "trial:\(trial.id)"),
            to: trial.organisation,
            in: transaction
        )
    }

    /// Lets the credits of a trial end with it, or last on where it was lengthened: also those that had expired. Nothing happens where
    /// nothing has changed. It comes after every move of a subscription, in its transaction.
    func follow(_ subscription: Subscription, in transaction: Transaction) throws {
        let (organisation, now) = (subscription.organisation, transaction.now)
        guard try transaction.lot(from: subscription.id.text, .trial, of: organisation) != nil else { return }
        try lock(organisation, in: transaction)
        guard let lot = try transaction.lot(from: subscription.id.text, .trial, of: organisation),
            let before = lot.expiresAt
        else { return }
        let end = subscription.status == .trialing ? subscription.trialEndsAt ?? before : min(before, now)
        guard end != before else { return }
        try transaction.endLot(lot.id, of: organisation, at: end)
        var moves = CreditMovements(organisation)
        if end > now {
            try moves.move(lot.expired, of: lot.id, from: .expired, to: .available, in: transaction)
        } else {
            try moves.move(lot.available, of: lot.id, from: .available, to: .expired, in: transaction)
        }
        let kind: CreditEntry.Kind = end > now ? .extended : .expired
        try post(kind, moves, operation: "\(kind.rawValue):\(runtime.id() as ID<Posting>)", in: transaction)
    }
}

/// Ends leases that ran out, and writes off lots that expired.
struct SettleCredits: Job {
    static let name = "entitlements.settle-credits"
}

extension EntitlementsModule {
    var creditWorker: Worker {
        Worker(SettleCredits.self) { _, _ in
            try await creditService.settleAll()
            return .done
        }
    }

    var creditSchedule: Schedule {
        Schedule(id: "entitlements.settle-credits", .every(.minutes(1))) { _, queue, transaction in
            try queue.enqueue(SettleCredits(), JobOptions(uniqueKey: SettleCredits.name), in: transaction)
        }
    }
}
