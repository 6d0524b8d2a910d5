import Identity
import Ledger
import Modules

/// Ends holds whose lease has ended, and expires lots.
final class CreditExpiryService: Sendable {
    /// How many lots or holds one transaction settles.
    private static let batchMax = 200

    private let database: any Database
    private let credits: CreditService
    private let runtime: Runtime

    init(database: any Database, credits: CreditService, runtime: Runtime) {
        self.database = database
        self.credits = credits
        self.runtime = runtime
    }

    /// Safe to run at any time and on several nodes at once.
    func settleAll() async throws(Problem) {
        while try await expireHolds() == Self.batchMax {}
        while try await expireLots() == Self.batchMax {}
    }

    private func expireHolds() async throws(Problem) -> Int {
        try await database.write { [self] transaction in
            let due = try transaction.holdsToExpire(limit: Self.batchMax)
            for (id, organisation) in due { try expireHold(id, of: organisation, in: transaction) }
            return due.count
        }
    }

    /// Releases the credits of a hold whose lease has ended.
    func expireHold(_ id: ID<CreditHold>, of organisation: ID<Organisation>, in transaction: Transaction) throws {
        try credits.lock(organisation, in: transaction)
        // The hold may have been settled or extended while this transaction waited for the lock.
        guard try transaction.isDue(id, of: organisation), let hold = try transaction.creditHold(id, of: organisation)
        else { return }
        try credits.settleUnused(hold, of: organisation, as: .expired, .lapsed, in: transaction)
    }

    private func expireLots() async throws(Problem) -> Int {
        try await database.write { [self] transaction in
            let due = try transaction.lotsToExpire(limit: Self.batchMax)
            for (id, organisation) in due { try expireLot(id, of: organisation, in: transaction) }
            return due.count
        }
    }

    /// Expires the available credits of a lot, as of the lot's expiry.
    func expireLot(_ id: ID<CreditLot>, of organisation: ID<Organisation>, in transaction: Transaction) throws {
        try credits.lock(organisation, in: transaction)
        guard let lot = try transaction.lot(id, of: organisation), lot.isExpired(at: transaction.now) else { return }
        var moves = CreditMovements(organisation)
        try moves.move(lot.available, of: id, from: .available, to: .expired, in: transaction)
        try credits.post(
            .expired, moves, operation: "expire:\(runtime.id() as ID<Posting>)", occurredAt: lot.expiresAt,
            in: transaction)
    }
}
