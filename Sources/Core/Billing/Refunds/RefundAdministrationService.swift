import Entitlements
import Identity
import Modules

/// Refunds by administrators.
final class RefundAdministrationService: Sendable {
    private let database: any Database
    private let refunds: RefundService

    init(database: any Database, refunds: RefundService) {
        self.database = database
        self.refunds = refunds
    }

    /// Refunds a payment.
    /// - Parameter key: the `Idempotency-Key` header: a repeat returns the first refund.
    /// - Throws: `invalid-request` without a key; as ``RefundService/refund(_:in:)``; `validation-failed`.
    func refund(_ request: RefundRequest, key: String?, scope: Scope, payment id: ID<Payment>) async throws(Problem)
        -> RefundView
    {
        guard let key, !key.isEmpty else {
            throw Problem(
                .invalidRequest, detail: "Send an Idempotency-Key, so that a repeat of the request changes nothing.")
        }
        let refund = try await database.write { [refunds] transaction in
            try transaction.requireCaller(scope, as: .admin)
            guard let payment = try transaction.payment(id) else { throw Problem(.notFound) }
            if let known = try transaction.refund(ofKey: "administrator:\(key)", id), request.isForAll {
                return known
            }
            return try refunds.refund(
                NewRefund(
                    of: id, amount: try request.money(of: payment), reason: request.reason,
                    key: "administrator:\(key)"), in: transaction)
        }
        return RefundView(try await refunds.settle(refund.id))
    }

    /// - Throws: `not-found`.
    func list(_ id: ID<Payment>) async throws(Problem) -> [RefundView] {
        try await database.read { transaction in
            guard try transaction.payment(id) != nil else { throw Problem(.notFound) }
            return try transaction.refunds(of: id).map { RefundView($0) }
        }
    }
}

extension RefundRequest {
    /// Whether it is for all that is left.
    var isForAll: Bool { amount == nil && amountMinor == nil }

    /// - Throws: `validation-failed`; `refund-too-high` where nothing is left.
    func money(of payment: Payment) throws(Problem) -> Money {
        let currency = payment.amount.currency
        guard !isForAll else {
            let rest = payment.receivedMinor - payment.refundedMinor
            guard rest > 0 else { throw Problem(.refundTooHigh, members: ["refundable_minor": .integer(0)]) }
            return Money(rest, currency)
        }
        var minor = amountMinor
        if let amount {
            guard let money = Money(major: amount, currency), minor == nil || minor == money.minorUnits else {
                throw Problem.invalid("/amount", "is an amount of \(currency.code.uppercased())")
            }
            minor = money.minorUnits
        }
        guard let minor, minor > 0 else { throw Problem.invalid("/amount", "is above zero") }
        return Money(minor, currency)
    }
}
