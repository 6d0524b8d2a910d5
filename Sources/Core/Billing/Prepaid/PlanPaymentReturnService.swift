import Audit
import Identity
import Mail
import Modules

/// Returns money that can pay for no plan, because another one is in effect.
final class PlanPaymentReturnService: Sendable {
    /// The key of the refund: a payment is returned once.
    private static let key = "not-payable"

    private let refunds: RefundService
    private let audit: AuditService
    private let mailer: Mailer

    init(refunds: RefundService, audit: AuditService, mailer: Mailer) {
        self.refunds = refunds
        self.audit = audit
        self.mailer = mailer
    }

    /// Refunds all that is left of a payment, and tells the owners. A repeat changes nothing.
    func giveBack(_ payment: Payment, in transaction: Transaction) throws {
        let rest = payment.receivedMinor - payment.refundedMinor
        guard rest > 0, try transaction.refund(ofKey: Self.key, payment.id) == nil else { return }
        let amount = Money(rest, payment.amount.currency)
        _ = try refunds.refund(
            NewRefund(of: payment.id, amount: amount, reason: "Another subscription is in effect.", key: Self.key),
            in: transaction)
        try audit.record(
            AuditEvent(
                "plan-payment.returned", organisation: payment.organisation.text, subject: payment.id.text,
                details: ["amount": "\(amount)"]),
            in: transaction)
        try mailer.send(
            "plan-payment-returned", toOwnersOf: payment.organisation,
            ["amount": "\(amount)", "description": payment.description], in: transaction)
    }
}
