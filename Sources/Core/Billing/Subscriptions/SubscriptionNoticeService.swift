import Entitlements
import Identity
import Mail
import Modules
import Stripe

/// E-mails to the owners about what they pay for a plan: each is sent once.
final class SubscriptionNoticeService: Sendable {
    private let plans: PlanCatalog
    private let mailer: Mailer
    /// The page where customers manage their plan.
    private let page: String

    init(plans: PlanCatalog, mailer: Mailer, page: String) {
        self.plans = plans
        self.mailer = mailer
        self.page = page
    }

    /// Tells of the start.
    func send(_ change: SubscriptionChange, of row: ProviderSubscription, in transaction: Transaction) throws {
        if change.isStart || change.previousPlan != change.plan && change.status == .active, row.paidThrough != nil,
            try transaction.insertNotice("started", of: row.id)
        {
            let values = [
                "plan": name(row), "amount": "\(row.amount)", "cycle": row.cycle == .yearly ? "year" : "month",
                "through": row.paidThrough?.description ?? "", "link": page,
            ]
            try mailer.send("subscription-started", toOwnersOf: row.organisation, values, in: transaction)
        }
    }

    /// Tells of the end of what was paid for, whichever plan follows.
    func sendEnd(of row: ProviderSubscription, in transaction: Transaction) throws {
        guard !row.isLive, row.paidThrough != nil, try transaction.insertNotice("ended", of: row.id) else { return }
        try mailer.send(
            "subscription-ended", toOwnersOf: row.organisation, ["plan": name(row), "link": page], in: transaction)
    }

    /// Tells that a renewal was not paid: of each attempt, and where the customer has to act, once of each invoice.
    func sendDunning(
        _ invoice: StripeInvoice, of row: ProviderSubscription, needsAction: Bool, in transaction: Transaction
    ) throws {
        guard let paidThrough = row.paidThrough, row.isLive,
            invoice.billingReason == .some(StripeState(.subscriptionCycle)), invoice.attemptCount > 0 || needsAction
        else { return }
        let notice = needsAction ? "action:\(invoice.id)" : "failed:\(invoice.id):\(invoice.attemptCount)"
        guard try transaction.insertNotice(notice, of: row.id) else { return }
        let values = [
            "plan": name(row), "amount": "\(invoice.amountRemaining)", "link": invoice.hostedURL ?? page,
            "next": invoice.nextPaymentAttempt?.description ?? "",
            "grace": (paidThrough + SubscriptionBillingService.grace).description,
        ]
        try mailer.send(
            needsAction ? "payment-action-required" : "payment-failed", toOwnersOf: row.organisation, values,
            in: transaction)
    }

    private func name(_ row: ProviderSubscription) -> String { plans.current[row.plan]?.name ?? row.plan.text }
}
