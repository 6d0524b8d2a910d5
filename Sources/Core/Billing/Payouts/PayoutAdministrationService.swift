import Identity
import Modules

/// What administrators do with payouts, and what payees see of theirs.
final class PayoutAdministrationService: Sendable {
    private let database: any Database
    private let payouts: PayoutService

    init(database: any Database, payouts: PayoutService) {
        self.database = database
        self.payouts = payouts
    }

    func list(_ filter: PayoutFilter, isForPayee: Bool = false, limit: Int, offset: Int) async throws(Problem)
        -> Page<PayoutView>
    {
        try await database.read { transaction in
            let (rows, total) = try transaction.payouts(filter, limit: limit, offset: offset)
            return Page(
                data: rows.map { PayoutView($0, isForPayee: isForPayee) }, total: total, limit: limit, offset: offset)
        }
    }

    func details(of id: ID<Payout>) async throws(Problem) -> PayoutDetails {
        try await database.read { transaction in
            guard let payout = try transaction.payout(id) else { throw Problem(.notFound) }
            return PayoutDetails(
                payout: PayoutView(payout), destination: payout.destination,
                attempts: try transaction.payoutAttempts(of: id).map(PayoutAttemptView.init))
        }
    }

    /// Approves a held payout and sends it.
    /// - Returns: the payout afterwards, as ``PayoutService/send(_:waitingUpTo:)``.
    func approve(_ id: ID<Payout>, scope: Scope) async throws(Problem) -> PayoutView {
        try await change(scope) { [payouts] in try payouts.approve(id, by: scope, in: $0) }
        return PayoutView(try await payouts.send(id))
    }

    func hold(_ id: ID<Payout>, reason: String, scope: Scope) async throws(Problem) -> PayoutView {
        PayoutView(try await change(scope) { [payouts] in try payouts.hold(id, reason: reason, by: scope, in: $0) })
    }

    func cancel(_ id: ID<Payout>, reason: String, scope: Scope) async throws(Problem) -> PayoutView {
        PayoutView(try await change(scope) { [payouts] in try payouts.cancel(id, reason: reason, by: scope, in: $0) })
    }

    /// Takes a transferred payout back.
    /// - Returns: the payout afterwards, as ``PayoutService/reversal(of:waitingUpTo:)``.
    func reverse(_ id: ID<Payout>, reason: String, scope: Scope) async throws(Problem) -> PayoutView {
        try await change(scope) { [payouts] in try payouts.reverse(id, reason: reason, by: scope, in: $0) }
        return PayoutView(try await payouts.reversal(of: id))
    }

    @discardableResult
    private func change(
        _ scope: Scope, _ body: @escaping @Sendable (Transaction) throws -> Payout
    ) async throws(Problem) -> Payout {
        try await database.write { transaction in
            try transaction.requireCaller(scope, as: .admin)
            return try body(transaction)
        }
    }
}
