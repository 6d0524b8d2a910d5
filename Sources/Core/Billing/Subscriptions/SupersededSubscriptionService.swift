import Audit
import Identity
import Modules
import Stripe

/// Ends what the provider would bill beside a plan that is in effect already, such as an attempt, or a Checkout page,
/// that stays open while a period is paid for in advance. Whichever is paid later is returned.
final class SupersededSubscriptionService: Sendable {
    private let calls: ProviderCallService
    private let payments: PaymentService
    private let returns: PlanPaymentReturnService
    private let audit: AuditService
    private let runtime: Runtime

    init(
        calls: ProviderCallService, payments: PaymentService, returns: PlanPaymentReturnService, audit: AuditService,
        runtime: Runtime
    ) {
        self.calls = calls
        self.payments = payments
        self.returns = returns
        self.audit = audit
        self.runtime = runtime
    }

    /// Locks what the provider bills to an organisation, or is to bill. It is locked before the organisation's plan, as
    /// where the provider's word is applied.
    func lock(of organisation: ID<Organisation>, in transaction: Transaction) throws {
        _ = try transaction.lockedLiveProviderSubscription(of: organisation)
    }

    /// Supersedes what the provider is to bill to an organisation, where nothing is paid for yet.
    func supersede(of organisation: ID<Organisation>, in transaction: Transaction) throws {
        guard var row = try transaction.lockedLiveProviderSubscription(of: organisation), !row.isSuperseded,
            !row.isPaidFor
        else { return }
        try supersede(&row, in: transaction)
        try transaction.update(row)
    }

    /// Notes that another plan is in effect, writes the calls that end the subscription at the provider, and returns
    /// what was paid for it.
    /// - Parameter row: locked; the caller stores it.
    func supersede(_ row: inout ProviderSubscription, in transaction: Transaction) throws {
        row.supersede(at: transaction.now)
        try end(&row, in: transaction)
        for payment in try payments.received(
            of: SubscriptionUpdateService.payments, subject: row.id.text, in: transaction)
        {
            try giveBack(payment, in: transaction)
        }
        try audit.record(
            AuditEvent("subscription.superseded", organisation: row.organisation.text, subject: row.id.text),
            in: transaction)
    }

    /// Writes the calls that end what the provider bills to an organisation whose account is closed.
    func end(of organisation: ID<Organisation>, in transaction: Transaction) throws {
        guard var row = try transaction.lockedLiveProviderSubscription(of: organisation), !row.isSuperseded else {
            return
        }
        try end(&row, in: transaction)
        try transaction.update(row)
    }

    /// Writes the calls that end a subscription at once, as far as the provider has told its ids.
    /// - Parameter row: locked; the caller stores it.
    func end(_ row: inout ProviderSubscription, in transaction: Transaction) throws {
        guard calls.client != nil, row.isLive else { return }
        if let subscription = row.providerID {
            // The provider refuses to void what is paid.
            if row.isAttempt, let invoice = row.latestInvoice {
                try enqueue(SubscriptionCallService.void, .voidInvoice(invoice), of: &row, in: transaction)
            }
            try enqueue(SubscriptionCallService.cancel, .cancelSubscription(subscription), of: &row, in: transaction)
        } else if let session = row.sessionID {
            try enqueue(
                SubscriptionCallService.expireSession, .expireCheckoutSession(session), of: &row, in: transaction)
        }
    }

    private func enqueue(
        _ purpose: ProviderPurpose, _ request: StripeRequest, of row: inout ProviderSubscription,
        in transaction: Transaction
    ) throws {
        try calls.enqueue(
            SubscriptionCallService.change(purpose, request, of: &row, id: runtime.id()), in: transaction)
    }

    /// Notes what brought the money of an invoice, and returns it where its subscription is superseded.
    func setCharge(_ charge: String?, ofIntent intent: String, invoice: String, in transaction: Transaction) throws {
        guard let known = try transaction.payment(ofProviderID: invoice) else { return }
        // Locked before the payment, as where it is superseded: the later one sees what the other has written.
        let row =
            known.purpose == SubscriptionUpdateService.payments
            ? try transaction.lockedProviderSubscription(ID(trusted: known.subject)) : nil
        try transaction.setCharge(charge, ofIntent: intent, invoice: invoice)
        guard row?.isSuperseded == true, let payment = try transaction.payment(known.id) else { return }
        try giveBack(payment, in: transaction)
    }

    /// Without an intent, ``FindInvoiceChargeJob`` finds it first.
    private func giveBack(_ payment: Payment, in transaction: Transaction) throws {
        guard payment.intentID != nil else { return }
        try returns.giveBack(payment, in: transaction)
    }
}
