import Audit
import Entitlements
import Identity
import Modules

/// Refunds by administrators, and the queue of those that they make at the bank.
final class RefundAdministrationService: Sendable {
    private let database: any Database
    private let refunds: RefundService
    private let audit: AuditService

    init(database: any Database, refunds: RefundService, audit: AuditService) {
        self.database = database
        self.refunds = refunds
        self.audit = audit
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
            let key = "administrator:\(key)"
            let amount: Money
            if request.isForAll {
                // Locks the payment: of two requests with one key the second finds the refund of the first.
                let refundable = try refunds.refundable(id, in: transaction)
                if let known = try transaction.refund(ofKey: key, id) { return known }
                amount = Money(refundable, payment.amount.currency).roundedToPayable
                guard amount.minorUnits > 0 else {
                    throw Problem(.refundTooHigh, members: ["refundable_minor": .integer(0)])
                }
            } else {
                amount = try request.money(in: payment.amount.currency)
            }
            return try refunds.refund(
                NewRefund(of: id, amount: amount, reason: request.reason, key: key), in: transaction)
        }
        return RefundView(try await refunds.settle(refund.id))
    }

    // MARK: By the bank

    /// Refunds of all payments, oldest first.
    func list(_ filter: RefundFilter, limit: Int, offset: Int) async throws(Problem) -> Page<RefundView> {
        try await database.read { transaction in
            let (rows, total) = try transaction.refunds(filter, limit: limit, offset: offset)
            return Page(data: rows.map { RefundView($0) }, total: total, limit: limit, offset: offset)
        }
    }

    /// Notes that the bank has returned the money of a refund.
    /// - Throws: as ``RefundService/settle(_:byBank:in:)``; `validation-failed`.
    func settle(_ settlement: RefundSettlement, scope: Scope, refund id: ID<Refund>) async throws(Problem)
        -> RefundView
    {
        guard let reference = UPIReport.bankReference(settlement.bankReference) else {
            throw Problem.invalid("/bank_reference", "must have 4 to 64 letters, digits and hyphens")
        }
        return try await change(id, "refund.settled", ["bank_reference": reference], scope: scope) {
            [refunds] transaction in try refunds.settle(id, byBank: reference, in: transaction)
        }
    }

    /// - Throws: as ``RefundService/giveUp(_:in:)``.
    func giveUp(_ id: ID<Refund>, scope: Scope) async throws(Problem) -> RefundView {
        try await change(id, "refund.given-up", [:], scope: scope) { [refunds] transaction in
            try refunds.giveUp(id, in: transaction)
        }
    }

    /// - Throws: as ``RefundService/noteSentBack(_:in:)``.
    func noteSentBack(_ id: ID<Refund>, scope: Scope) async throws(Problem) -> RefundView {
        try await change(id, "refund.sent-back", [:], scope: scope) { [refunds] transaction in
            try refunds.noteSentBack(id, in: transaction)
        }
    }

    private func change(
        _ id: ID<Refund>, _ action: String, _ details: [String: String], scope: Scope,
        _ body: @escaping @Sendable (Transaction) throws -> Void
    ) async throws(Problem) -> RefundView {
        try await database.write { [audit] transaction in
            try transaction.requireCaller(scope, as: .admin)
            let before = try transaction.refund(id)
            try body(transaction)
            guard let refund = try transaction.refund(id) else { throw Problem(.notFound) }
            if refund.state != before?.state {
                try audit.record(
                    AuditEvent(
                        action, by: scope, in: refund.organisation, subject: id.text,
                        details: details.merging(["amount": "\(refund.amount)"]) { first, _ in first }),
                    in: transaction)
            }
            return RefundView(refund)
        }
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
    /// Whether it is for all that can be refunded.
    var isForAll: Bool { amount == nil && amountMinor == nil }

    /// - Throws: `validation-failed`.
    func money(in currency: Currency) throws(Problem) -> Money {
        var minor = amountMinor
        if let amount {
            guard let money = Money(major: amount, currency) else {
                throw Problem.invalid("/amount", "is an amount of \(currency.code.uppercased())")
            }
            guard minor == nil || minor == money.minorUnits else {
                throw Problem.invalid("/amount", "is not the same amount as amount_minor")
            }
            minor = money.minorUnits
        }
        guard let minor, minor > 0 else { throw Problem.invalid("/amount", "is above zero") }
        let money = Money(minor, currency)
        try money.requirePayable(at: amount == nil ? "/amount_minor" : "/amount")
        return money
    }
}
