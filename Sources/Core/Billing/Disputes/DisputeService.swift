import Audit
import Identity
package import Modules
import Stripe
import Synchronization

/// Follows disputes of payments at the provider and moves the disputed money.
package final class DisputeService: Sendable {
    /// Called in the transaction that changes a dispute, with the dispute after it.
    package typealias Listener = @Sendable (PaymentDispute, Payment, Transaction) throws -> Void

    private let database: any Database
    private let payments: PaymentService
    private let money: MoneyLedgerService
    private let audit: AuditService
    private let runtime: Runtime
    private let listeners = Mutex<[PaymentPurpose: Listener]>([:])

    init(
        database: any Database, events: ProviderEventService, payments: PaymentService, money: MoneyLedgerService,
        audit: AuditService, runtime: Runtime
    ) {
        self.database = database
        self.payments = payments
        self.money = money
        self.audit = audit
        self.runtime = runtime
        events.register(.dispute) { [weak self] in try self?.apply($0, in: $1) ?? .ignored }
    }

    /// Adds the listener of the disputes of a purpose's payments, when the system is built.
    package func onChange(of purpose: PaymentPurpose, _ listener: @escaping Listener) {
        listeners.withLock {
            precondition($0[purpose] == nil, "the purpose '\(purpose.name)' has a listener of disputes")
            $0[purpose] = listener
        }
    }

    /// The disputes of a payment, oldest first.
    package func disputes(of payment: ID<Payment>, in transaction: Transaction) throws -> [PaymentDispute] {
        try transaction.disputes(of: payment)
    }

    func list(in funds: PaymentDispute.Funds?, limit: Int, offset: Int) async throws(Problem)
        -> Page<PaymentDisputeView>
    {
        try await database.read { transaction in
            let (rows, total) = try transaction.disputes(in: funds, limit: limit, offset: offset)
            return Page(
                data: rows.map(PaymentDisputeView.init), total: total, limit: limit, offset: offset)
        }
    }

    private func apply(_ object: ProviderObject, in transaction: Transaction) throws -> ProviderEventService.Effect {
        let reported = try StripeDispute(object.value)
        let ofIntent = try reported.paymentIntent.flatMap { try payments.payment(ofProviderID: $0, in: transaction) }
        guard let known = try ofIntent ?? payments.payment(ofCharge: reported.charge, in: transaction),
            let payment = try payments.locked(known.id, in: transaction)
        else { return .ignored }
        // The event of the payment is late: this one is applied after it, because the money is not held before.
        guard payment.state == .succeeded else {
            throw Problem(.conflict, detail: "The dispute's payment has not succeeded here yet.")
        }
        try transaction.insert(
            PaymentDispute(
                id: runtime.id(), providerID: reported.id, payment: payment.id,
                payer: .organisation(payment.organisation), amount: reported.amount, reason: reported.reason,
                status: reported.status.text, funds: .untouched, fromHeld: 0, evidenceDueBy: reported.evidenceDueBy,
                createdAt: transaction.now))
        guard var dispute = try transaction.lockedDispute(ofProviderID: reported.id) else { return .ignored }
        let before = dispute
        // A status that is unknown here changes no money.
        let funds = reported.status.known?.funds ?? dispute.funds
        guard funds.rank >= dispute.funds.rank else { return .applied }
        dispute.status = reported.status.text
        dispute.evidenceDueBy = reported.evidenceDueBy
        let held = payment.destination == .held ? try held(for: payment, in: transaction) : 0
        for movements in dispute.move(to: funds, held: held, at: transaction.now) {
            let name = movements.first?.to.name.rawValue ?? ""
            try money.post(
                "dispute.\(name)", of: dispute.payer, in: dispute.amount.currency,
                operation: "dispute:\(dispute.id):\(name)", subject: dispute.id.text, movements, in: transaction)
        }
        guard dispute != before else { return .applied }
        try transaction.update(dispute)
        try audit.record(
            AuditEvent(
                "payment-dispute.\(dispute.funds.rawValue)", organisation: dispute.payer.organisation?.text,
                subject: dispute.id.text,
                details: [
                    "status": dispute.status, "amount_minor": "\(dispute.amount.minorUnits)",
                    "currency": dispute.amount.currency.code, "payment": payment.id.text, "reason": dispute.reason,
                ]), in: transaction)
        try listeners.withLock { $0[payment.purpose] }?(dispute, payment, transaction)
        return .applied
    }

    /// What the payer holds of a payment: never the money of other work.
    private func held(for payment: Payment, in transaction: Transaction) throws -> Int64 {
        let refundable = try payments.refundable(payment, in: transaction)
        let balance = try money.lock(payment.account, in: payment.amount.currency, transaction)
        return max(0, min(refundable, balance))
    }
}

extension StripeDispute.Status {
    /// What the provider has done with the money.
    fileprivate var funds: PaymentDispute.Funds {
        switch self {
        case .warningNeedsResponse, .warningUnderReview, .warningClosed, .prevented: .untouched
        case .needsResponse, .underReview, .appealNeedsResponse, .appealUnderReview: .withdrawn
        case .won: .returned
        case .lost: .lost
        }
    }
}
