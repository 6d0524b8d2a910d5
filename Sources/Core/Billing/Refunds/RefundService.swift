import Audit
import Entitlements
package import Modules
import Stripe
import Synchronization

/// Refunds payments: never more than was paid, each once.
package final class RefundService: Sendable {
    /// Called in the transaction that changes a refund's state.
    package typealias Listener = @Sendable (Refund, Payment, Transaction) throws -> Void

    /// Checks that an amount of a payment, which is locked, may be refunded here.
    typealias Condition = @Sendable (_ amount: Money, Payment, Transaction) throws -> Void

    private static let creation = ProviderPurpose("refund.create")
    /// The member of a refund's metadata that names it here.
    private static let metadataName = "gatehouse_refund"

    private let database: any Database
    private let calls: ProviderCallService
    private let payments: PaymentService
    private let money: MoneyLedgerService
    private let audit: AuditService
    private let runtime: Runtime
    private let listeners = Mutex<[PaymentPurpose: [Listener]]>([:])
    private let conditions = Mutex<[PaymentPurpose: Condition]>([:])

    init(
        database: any Database, calls: ProviderCallService, events: ProviderEventService, payments: PaymentService,
        money: MoneyLedgerService, audit: AuditService, runtime: Runtime
    ) {
        self.database = database
        self.calls = calls
        self.payments = payments
        self.money = money
        self.audit = audit
        self.runtime = runtime
        calls.register(Self.creation, reconciling: Self.find) { [weak self] in
            try self?.settleCreation($0, $1, in: $2)
        }
        events.register(.refund) { [weak self] in try self?.apply($0, in: $1) ?? .ignored }
        events.register(.charge) { [weak self] in try self?.applyCharge($0, in: $1) ?? .ignored }
    }

    /// Adds a listener of the refunds of a purpose's payments, when the system is built.
    package func onChange(of purpose: PaymentPurpose, _ listener: @escaping Listener) {
        listeners.withLock { $0[purpose, default: []].append(listener) }
    }

    /// Sets the condition of refunds that are requested here, when the system is built. What is refunded at the provider
    /// has none.
    func require(of purpose: PaymentPurpose, _ condition: @escaping Condition) {
        conditions.withLock { $0[purpose] = condition }
    }

    // MARK: Request

    /// Writes a refund, moves its money to `refund_pending`, and writes the call. ``settle(_:)`` follows after the
    /// commit. The refund of a payment by UPI waits for an administrator, who returns the money by the bank:
    /// ``settle(_:byBank:in:)``.
    /// - Returns: the earlier refund with this key, where there is one.
    /// - Throws: `refund-too-high`, also where the work that was paid needs the money; `payment-state` for a payment
    ///   that has not succeeded, that cannot be refunded at the provider, or that later ones depend on; `ledger-overdrawn` where the destination
    ///   has less, such as held money that was released; `operation-conflict` for the key of a refund with another
    ///   amount; `not-configured`.
    package func refund(_ new: NewRefund, in transaction: Transaction) throws -> Refund {
        guard let payment = try payments.locked(new.payment, in: transaction) else { throw Problem(.notFound) }
        if payment.method != .upi { try calls.requireClient() }
        if let known = try transaction.refund(ofKey: new.key, payment.id) {
            guard known.amount == new.amount else { throw Problem(.operationConflict) }
            return known
        }
        guard payment.state == .succeeded, payment.method == .upi || payment.intentID != nil else {
            throw Problem(.paymentState)
        }
        try conditions.withLock { $0[payment.purpose] }?(new.amount, payment, transaction)
        let refundable = try refundable(payment, in: transaction)
        guard new.amount.currency == payment.amount.currency, new.amount.minorUnits <= refundable,
            try transaction.reserveRefund(new.amount.minorUnits, of: payment.id)
        else { throw Problem(.refundTooHigh, members: ["refundable_minor": .integer(refundable)]) }
        let refund = Refund(new, of: payment, id: runtime.id(), at: transaction.now)
        guard try transaction.insert(refund) else { throw Problem(.conflict) }
        try post(
            "requested", refund, payment, from: payment.account, to: .refundPending(of: payment.organisation),
            transaction)
        if let intent = payment.intentID {
            try calls.enqueue(
                ProviderCall(
                    id: runtime.id(), purpose: Self.creation, subject: refund.id.text,
                    organisation: payment.organisation, key: Self.creationKey(refund.id),
                    request: .createRefund(
                        paymentIntent: intent, amount: new.amount, reason: .requestedByCustomer,
                        metadata: [Self.metadataName: refund.id.text])),
                in: transaction)
        }
        try announce(refund, payment, in: transaction)
        return refund
    }

    /// The minor units that can be refunded: neither returned before nor needed by the work that was paid.
    func refundable(_ id: ID<Payment>, in transaction: Transaction) throws -> Int64 {
        guard let payment = try payments.locked(id, in: transaction) else { throw Problem(.notFound) }
        return try refundable(payment, in: transaction)
    }

    private func refundable(_ payment: Payment, in transaction: Transaction) throws -> Int64 {
        min(payment.receivedMinor - payment.refundedMinor, max(0, try payments.refundable(payment, in: transaction)))
    }

    /// Sends what ``refund(_:in:)`` has written, and waits a bounded time for the outcome.
    /// - Returns: the refund as it is then, also where its outcome is not known yet.
    package func settle(_ id: ID<Refund>) async throws(Problem) -> Refund {
        _ = try await calls.send(key: Self.creationKey(id))
        guard let refund = try await database.read({ try $0.refund(id) }) else { throw Problem(.notFound) }
        return refund
    }

    // MARK: By the bank

    /// Settles a refund of a payment by UPI, which an administrator has made at the bank. A repeat changes nothing.
    /// - Parameter reference: the bank's reference of the money that was returned; used once.
    /// - Throws: `not-found`; `refund-state` for one that is settled or not made by the bank; `bank-reference-used`.
    func settle(_ id: ID<Refund>, byBank reference: String, in transaction: Transaction) throws {
        let refund = try lockedBankRefund(id, in: transaction)
        guard refund.bankReference != reference else { return }
        guard refund.state == .requested else { throw Problem(.refundState) }
        guard try transaction.useBankReference(reference, for: id.text) else { throw Problem(.bankReferenceUsed) }
        try change(
            id, to: .succeeded, providerID: Refund.bankPrefix + reference, failureCode: nil, in: transaction)
    }

    /// Gives a refund up that was not made at the bank: its money goes back. A repeat changes nothing.
    /// - Throws: `not-found`; `refund-state`.
    func giveUp(_ id: ID<Refund>, in transaction: Transaction) throws {
        try fail(id, from: .requested, as: Self.givenUp, in: transaction)
    }

    /// Notes that the bank has sent the money of a settled refund back: it goes back to where it was taken from. A
    /// repeat changes nothing.
    /// - Throws: `not-found`; `refund-state`.
    func noteSentBack(_ id: ID<Refund>, in transaction: Transaction) throws {
        try fail(id, from: .succeeded, as: Self.sentBack, in: transaction)
    }

    private func fail(_ id: ID<Refund>, from state: Refund.State, as code: String, in transaction: Transaction) throws {
        let refund = try lockedBankRefund(id, in: transaction)
        guard refund.failureCode != code else { return }
        guard refund.state == state else { throw Problem(.refundState) }
        try change(id, to: .failed, providerID: nil, failureCode: code, in: transaction)
    }

    private static let givenUp = "given_up"
    private static let sentBack = "sent_back_by_bank"

    /// The payment is locked before its refund, as everywhere.
    private func lockedBankRefund(_ id: ID<Refund>, in transaction: Transaction) throws -> Refund {
        guard let payment = try transaction.refund(id).flatMap({ try payments.locked($0.payment, in: transaction) }),
            let refund = try transaction.lockedRefund(id)
        else { throw Problem(.notFound) }
        guard payment.method == .upi else { throw Problem(.refundState) }
        return refund
    }

    /// The refunds of a payment, oldest first.
    package func refunds(of payment: ID<Payment>, in transaction: Transaction) throws -> [Refund] {
        try transaction.refunds(of: payment)
    }

    private static func creationKey(_ id: ID<Refund>) -> String { "refund:\(id)" }

    // MARK: Outcomes

    private func settleCreation(
        _ call: ProviderCall, _ outcome: ProviderCallService.Outcome, in transaction: Transaction
    ) throws {
        guard let id = ID<Refund>(call.subject) else { return }
        switch outcome {
        case .done(let value): try change(id, by: try StripeRefund(value), in: transaction)
        case .refused(let refusal):
            try change(id, to: .failed, providerID: nil, failureCode: refusal.code ?? refusal.type, in: transaction)
        }
    }

    /// Finds a refund by its metadata.
    private static func find(_ call: ProviderCall, _ client: StripeClient) async -> ProviderCallService.Finding {
        let intent = call.request.form.fields.first { $0.name == "payment_intent" }?.value
        return await .search(client, metadata: metadataName, call.subject) {
            .refunds(paymentIntent: intent, page: $0)
        }
    }

    private func apply(_ object: ProviderObject, in transaction: Transaction) throws -> ProviderEventService.Effect {
        let reported = try StripeRefund(object.value)
        let named = reported.metadata[Self.metadataName].flatMap { ID<Refund>($0) }
        let known = try transaction.refund(ofProviderID: reported.id)
        if let id = try known?.id ?? named.flatMap({ try transaction.refund($0) })?.id {
            try change(id, by: reported, in: transaction)
            return .applied
        }
        guard let intent = reported.paymentIntent, reported.state != .failed,
            let payment = try transaction.payment(ofProviderID: intent)
        else { return .ignored }
        return try record(
            reported.amount, key: "provider:\(reported.id)", providerID: reported.id, reported.state, of: payment.id,
            in: transaction)
    }

    /// Without a key, refunds cannot be read one by one: the charge tells their sum.
    private func applyCharge(_ object: ProviderObject, in transaction: Transaction) throws
        -> ProviderEventService.Effect
    {
        let charge = try StripeCharge(object.value)
        guard calls.client == nil, let intent = charge.paymentIntent,
            let payment = try transaction.payment(ofProviderID: intent),
            charge.amountRefunded.minorUnits > payment.refundedMinor
        else { return .ignored }
        let amount = Money(charge.amountRefunded.minorUnits - payment.refundedMinor, payment.amount.currency)
        return try record(
            amount, key: "provider:\(charge.id):\(charge.amountRefunded.minorUnits)", providerID: nil, .succeeded,
            of: payment.id, in: transaction)
    }

    /// Records a refund that was made at the provider. What the payment's account has not any more, or what the work
    /// that was paid needs, the platform bears.
    private func record(
        _ amount: Money, key: String, providerID: String?, _ state: Refund.State, of payment: ID<Payment>,
        in transaction: Transaction
    ) throws -> ProviderEventService.Effect {
        guard let payment = try payments.locked(payment, in: transaction),
            amount.currency == payment.amount.currency, try transaction.refund(ofKey: key, payment.id) == nil
        else { return .ignored }
        // The event of the payment is late: this one is applied after it.
        guard payment.state == .succeeded else {
            throw Problem(.conflict, detail: "The refund's payment has not succeeded here yet.")
        }
        let refundable = try payments.refundable(payment, in: transaction)
        guard try transaction.reserveRefund(amount.minorUnits, of: payment.id) else { return .ignored }
        let balance = min(refundable, try money.lock(payment.account, in: amount.currency, transaction))
        let fromRevenue = payment.destination == .held ? max(0, amount.minorUnits - max(0, balance)) : 0
        let new = NewRefund(of: payment.id, amount: amount, reason: "made at the provider", key: key)
        let refund = Refund(
            new, of: payment, id: runtime.id(), fromRevenueMinor: fromRevenue, at: transaction.now)
        guard try transaction.insert(refund) else { return .ignored }
        try post(
            "requested", refund, payment, from: payment.account, to: .refundPending(of: payment.organisation),
            transaction)
        try change(refund.id, to: state, providerID: providerID, failureCode: nil, in: transaction)
        return .applied
    }

    private func change(_ id: ID<Refund>, by reported: StripeRefund, in transaction: Transaction) throws {
        try change(
            id, to: reported.state, providerID: reported.id, failureCode: reported.failureReason, in: transaction)
    }

    private func change(
        _ id: ID<Refund>, to state: Refund.State, providerID: String?, failureCode: String?, in transaction: Transaction
    ) throws {
        guard let payment = try transaction.refund(id).flatMap({ try payments.locked($0.payment, in: transaction) }),
            let before = try transaction.lockedRefund(id)
        else { return }
        var refund = before
        let hasMoved = refund.apply(state, providerID: providerID, failureCode: failureCode, at: transaction.now)
        try transaction.update(refund)
        guard hasMoved else { return }
        let payer = payment.organisation
        switch state {
        case .requested, .pending: break
        case .succeeded:
            try move("succeeded", refund, payment, .refundPending(of: payer), .refunded(of: payer), transaction)
        case .failed:
            let place = before.state == .succeeded ? MoneyAccount.refunded(of: payer) : .refundPending(of: payer)
            try post("failed", refund, payment, from: place, to: payment.account, transaction)
            try transaction.revokeRefund(refund.amount.minorUnits, of: payment.id)
        }
        try announce(refund, payment, in: transaction)
    }

    private func announce(_ refund: Refund, _ payment: Payment, in transaction: Transaction) throws {
        try audit.record(
            AuditEvent(
                "refund.\(refund.state.rawValue)", outcome: refund.state == .failed ? .failure : .success,
                organisation: payment.organisation.text, subject: refund.id.text, target: payment.person?.text,
                details: ["amount": "\(refund.amount)", "payment": payment.id.text]),
            in: transaction)
        guard let current = try transaction.payment(payment.id) else { return }
        for listener in listeners.withLock({ $0[payment.purpose] ?? [] }) {
            try listener(refund, current, transaction)
        }
    }

    // MARK: Postings

    /// Moves a refund between the payment's account and another: the part that the platform bears by its own account.
    private func post(
        _ event: String, _ refund: Refund, _ payment: Payment, from: MoneyAccount, to: MoneyAccount,
        _ transaction: Transaction
    ) throws {
        let isBack = to == payment.account
        let parts = [
            (refund.amount.minorUnits - refund.fromRevenueMinor, from, to),
            (refund.fromRevenueMinor, isBack ? from : .revenue, isBack ? .revenue : to),
        ]
        let movements = parts.filter { $0.0 > 0 }.map { MoneyMovement($0.0, from: $0.1, to: $0.2) }
        try write(event, refund, payment, movements, transaction)
    }

    private func move(
        _ event: String, _ refund: Refund, _ payment: Payment, _ from: MoneyAccount, _ to: MoneyAccount,
        _ transaction: Transaction
    ) throws {
        try write(
            event, refund, payment, [MoneyMovement(refund.amount.minorUnits, from: from, to: to)], transaction)
    }

    private func write(
        _ event: String, _ refund: Refund, _ payment: Payment, _ movements: [MoneyMovement], _ transaction: Transaction
    ) throws {
        try money.post(
            "refund.\(event)", of: .organisation(payment.organisation), in: refund.amount.currency,
            operation: "refund:\(refund.id):\(event)", subject: refund.id.text, reason: refund.reason, movements,
            in: transaction)
    }
}

extension StripeRefund {
    fileprivate var state: Refund.State {
        switch status.known {
        case .succeeded: .succeeded
        case .failed, .canceled: .failed
        // Of a state that is not known here, the money is still on its way.
        case .pending, .requiresAction, nil: .pending
        }
    }
}

extension Refund {
    fileprivate init(
        _ new: NewRefund, of payment: Payment, id: ID<Refund>, fromRevenueMinor: Int64 = 0, at now: Instant
    ) {
        self.init(
            id: id, payment: payment.id, organisation: payment.organisation, amount: new.amount,
            fromRevenueMinor: fromRevenueMinor, reason: new.reason, key: new.key, state: .requested, createdAt: now)
    }
}
