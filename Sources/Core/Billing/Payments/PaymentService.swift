import Audit
package import Identity
package import Modules
import Stripe
import Synchronization

/// Begins payments, follows them at the provider, and posts the money that arrives to the ledger, once.
package final class PaymentService: Sendable {
    package enum Begun: Sendable {
        /// A new attempt, or the subject's live one. ``start(_:)`` follows after the commit.
        case begun(Payment)
        /// The subject's live attempt has another amount or payer, or is for something else. ``end(_:)`` ends it, and
        /// another one can begin.
        case other(Payment)

        package var payment: Payment {
            switch self {
            case .begun(let payment), .other(let payment): payment
            }
        }
    }

    /// Called in the transaction that changes a payment's state, for every change and once for each.
    package typealias Listener = @Sendable (_ payment: Payment, Transaction) throws -> Void

    /// Locks the row of a subject before its payments are locked.
    package typealias SubjectLock = @Sendable (_ subject: String, Transaction) throws -> Void

    /// The minor units of a payment that its work does not need, which can be refunded.
    package typealias Bound = @Sendable (_ payment: Payment, Transaction) throws -> Int64

    /// What a client wants to pay: the members of the body of `POST /v1/payments/create-intent`.
    package typealias Resolver = @Sendable (_ request: PaymentRequest, Scope, Transaction) throws -> NewPayment?

    private struct Registration: Sendable {
        let destination: PaymentDestination
        let lock: SubjectLock
        let bound: Bound
        let listener: Listener
    }

    private static let creation = ProviderPurpose("payment.create")
    private static let cancellation = ProviderPurpose("payment.cancel")
    /// The member of an intent's metadata that names the payment.
    private static let metadataName = "gatehouse_payment"
    private static let subjectPaymentsMax = 100

    private let database: any Database
    private let calls: ProviderCallService
    private let events: ProviderEventService
    private let customers: CustomerService
    private let money: MoneyLedgerService
    private let audit: AuditService
    private let logger: Logger
    private let runtime: Runtime
    private let registrations = Mutex<[PaymentPurpose: Registration]>([:])
    private let resolvers = Mutex<[Resolver]>([])

    init(
        database: any Database, calls: ProviderCallService, events: ProviderEventService, customers: CustomerService,
        money: MoneyLedgerService, audit: AuditService, logger: Logger, runtime: Runtime
    ) {
        self.database = database
        self.calls = calls
        self.events = events
        self.customers = customers
        self.money = money
        self.audit = audit
        self.logger = logger
        self.runtime = runtime
        calls.register(Self.creation, reconciling: Self.find) { [weak self] in
            try self?.settleCreation($0, $1, in: $2)
        }
        calls.register(Self.cancellation) { [weak self] in try self?.settleCancellation($0, $1, in: $2) }
        events.register(.paymentIntent) { [weak self] in try self?.apply($0, in: $1) ?? .ignored }
    }

    /// Declares a purpose, when the system is built.
    /// - Parameters:
    ///   - destination: where its money is posted when it arrives.
    ///   - lock: locks what `listener` changes, so that transactions which begin with the subject and those which begin
    ///     with a payment of it lock in one order.
    ///   - bound: called with the subject and the payment locked. The default is what is not refunded.
    ///   - listener: applies a change to the work that is paid.
    package func register(
        _ purpose: PaymentPurpose, to destination: PaymentDestination,
        locking lock: @escaping SubjectLock = { _, _ in },
        refundable bound: @escaping Bound = { payment, _ in payment.receivedMinor - payment.refundedMinor },
        onChange listener: @escaping Listener
    ) {
        registrations.withLock {
            precondition($0[purpose] == nil, "the purpose '\(purpose.name)' has a listener")
            $0[purpose] = Registration(destination: destination, lock: lock, bound: bound, listener: listener)
        }
    }

    /// Adds a reader of requests to `POST /v1/payments/create-intent`. It computes the amount from what is stored and
    /// checks that the caller may pay.
    /// - Parameter resolver: nil for a request that is not for it.
    package func resolve(by resolver: @escaping Resolver) { resolvers.withLock { $0.append(resolver) } }

    /// What a request to `POST /v1/payments/create-intent` is for.
    /// - Throws: `validation-failed` for a request of nothing that can be paid; `amount-mismatch`.
    func payment(of request: PaymentRequest, scope: Scope, in transaction: Transaction) throws -> NewPayment {
        for resolver in resolvers.withLock({ $0 }) {
            guard let payment = try resolver(request, scope, transaction) else { continue }
            try request.requireAmount(payment.amount)
            return payment
        }
        throw Problem.invalid("", "names nothing that can be paid here")
    }

    // MARK: Begin

    /// Writes an attempt and the call that begins it at the provider, where the subject has no live attempt. The caller
    /// has locked the subject.
    /// - Throws: `not-configured`; `validation-failed` for an amount that the provider does not take in its currency;
    ///   `payment-in-progress` where another transaction has begun one meanwhile.
    package func begin(_ new: NewPayment, in transaction: Transaction) throws -> Begun {
        try calls.requireClient()
        try new.amount.requirePayable(at: "/amount")
        let payment = Payment(
            new, id: runtime.id(), by: .intent, to: registration(of: new.purpose).destination, at: transaction.now)
        guard try transaction.insert(payment) else {
            guard let live = try transaction.livePayment(of: new.purpose, new.subject) else {
                throw Problem(.paymentInProgress)
            }
            let isSame =
                !new.replacesLive && live.amount == new.amount && live.organisation == new.organisation
            return isSame ? .begun(live) : .other(live)
        }
        let customer = try customers.customer(of: new.organisation, in: transaction)
        try calls.enqueue(
            ProviderCall(
                id: runtime.id(), purpose: Self.creation, subject: payment.id.text, organisation: new.organisation,
                key: Self.creationKey(payment.id),
                request: .createPaymentIntent(
                    amount: new.amount, customer: customer?.providerID, description: new.description,
                    transferGroup: new.transferGroup,
                    metadata: new.metadata.merging([Self.metadataName: payment.id.text]) { _, own in own })),
            in: transaction)
        return .begun(payment)
    }

    /// Sends what ``begin(_:in:)`` has written, and reads what a client needs to go on.
    /// - Returns: the payment and its client secret, which is not stored.
    /// - Throws: `payment-refused`; `provider-unavailable` where its state is unknown: a repeat continues it.
    package func start(_ id: ID<Payment>) async throws(Problem) -> (payment: Payment, clientSecret: String) {
        let outcome = try await calls.send(key: Self.creationKey(id))
        var value: JSONValue?
        switch outcome {
        case .refused(let refusal): throw Problem(.paymentRefused, detail: refusal.message)
        case .done(let created): value = created
        case nil: break
        }
        guard let payment = try await database.read({ try $0.payment(id) }) else { throw Problem(.notFound) }
        guard let intent = payment.intentID else { throw Problem(.providerUnavailable, headers: ["Retry-After": "5"]) }
        if let secret = value?["client_secret"]?.string { return (payment, secret) }
        // Settled by another request: the secret is not stored.
        guard let secret = try await events.refresh(intent, .paymentIntent)["client_secret"]?.string else {
            throw Problem(.providerUnavailable, headers: ["Retry-After": "5"])
        }
        return (try await database.read { try $0.payment(id) } ?? payment, secret)
    }

    private static func creationKey(_ id: ID<Payment>) -> String { "payment:\(id):create" }

    private func settleCreation(
        _ call: ProviderCall, _ outcome: ProviderCallService.Outcome, in transaction: Transaction
    ) throws {
        guard let id = ID<Payment>(call.subject) else { return }
        switch outcome {
        case .done(let value):
            let intent = try StripePaymentIntent(value)
            // The provider's object is locked before the payment, as by its events.
            let isCurrent = try events.observe(intent.id, seenAt: call.sentAt ?? transaction.now, in: transaction)
            // A newer state has been applied, and has told the id.
            guard isCurrent, let payment = try locked(id, in: transaction) else { return }
            try change(payment, by: report(of: intent), in: transaction)
        case .refused(let refusal):
            guard var payment = try locked(id, in: transaction) else { return }
            payment.refuse(code: refusal.declineCode ?? refusal.code, message: refusal.message)
            try save(payment, in: transaction)
        }
    }

    /// Finds an intent by its metadata.
    private static func find(_ call: ProviderCall, _ client: StripeClient) async -> ProviderCallService.Finding {
        await .search(client, metadata: metadataName, call.subject) {
            .paymentIntents(created: call.madeWithin, page: $0)
        }
    }

    // MARK: Follow

    /// Asks the provider for the payment's state and applies it: the client's word is not taken for it.
    /// - Throws: `provider-unavailable`; `not-found`.
    package func refresh(_ id: ID<Payment>) async throws(Problem) -> Payment {
        guard let payment = try await database.read({ try $0.payment(id) }) else { throw Problem(.notFound) }
        guard payment.method == .intent, !payment.state.isFinal else { return payment }
        if let intent = payment.intentID {
            try await events.refresh(intent, .paymentIntent)
        } else {
            _ = try await calls.send(key: Self.creationKey(id))
        }
        guard let refreshed = try await database.read({ try $0.payment(id) }) else { throw Problem(.notFound) }
        return refreshed
    }

    /// Writes the call that cancels an attempt at the provider. A payment that has succeeded meanwhile stays so.
    /// - Throws: `payment-state` for one that is final, or that the provider does not know yet.
    package func cancel(_ id: ID<Payment>, in transaction: Transaction) throws {
        guard let payment = try locked(id, in: transaction) else { throw Problem(.notFound) }
        guard try enqueueCancellation(of: payment, in: transaction) != nil else { throw Problem(.paymentState) }
    }

    /// Writes the calls that cancel the live attempts of an organisation, as far as the provider knows them: it
    /// has no client any more who could pay them.
    func cancelAll(of organisation: ID<Organisation>, in transaction: Transaction) throws {
        guard calls.client != nil else { return }
        for id in try transaction.livePayments(of: organisation) {
            guard let payment = try locked(id, in: transaction) else { continue }
            _ = try enqueueCancellation(of: payment, in: transaction)
        }
    }

    /// Ends a live attempt, so that another one can begin: it is canceled at the provider, or it has ended otherwise
    /// meanwhile. A repeat continues what is not known yet.
    /// - Throws: `provider-unavailable` while its end is not known; `payment-in-progress` where the provider does not
    ///   cancel it any more, such as a payment that a bank processes.
    package func end(_ id: ID<Payment>) async throws(Problem) {
        let unavailable = Problem(.providerUnavailable, headers: ["Retry-After": "5"])
        // One of which the provider has not told the id cannot be canceled yet.
        _ = try await calls.send(key: Self.creationKey(id))
        let call = try await database.write { [self] transaction -> ID<ProviderCall>? in
            guard let payment = try locked(id, in: transaction), !payment.state.isFinal else { return nil }
            guard let call = try enqueueCancellation(of: payment, in: transaction) else { throw unavailable }
            return call
        }
        guard let call else { return }
        guard try await calls.send(call) != nil else { throw unavailable }
        guard try await refresh(id).state.isFinal else {
            throw Problem(.paymentInProgress, members: ["payment_id": .string(id.text)])
        }
    }

    /// - Parameter payment: locked.
    /// - Returns: the call that cancels it, which may have been written before; nil for a payment that is final, or of
    ///   which the provider has not told the id yet.
    private func enqueueCancellation(of payment: Payment, in transaction: Transaction) throws -> ID<ProviderCall>? {
        guard !payment.state.isFinal, let intent = payment.intentID else { return nil }
        // A key belongs to one outcome: after a refusal the next call has another one.
        let refused = try transaction.countProviderCalls(of: Self.cancellation, payment.id.text, in: .refused)
        let key = "payment:\(payment.id):cancel" + (refused == 0 ? "" : ":\(refused + 1)")
        try calls.enqueue(
            ProviderCall(
                id: runtime.id(), purpose: Self.cancellation, subject: payment.id.text,
                organisation: payment.organisation, key: key,
                request: .cancelPaymentIntent(intent, reason: .abandoned)),
            in: transaction)
        return try transaction.providerCall(ofKey: key)?.id
    }

    private func settleCancellation(
        _ call: ProviderCall, _ outcome: ProviderCallService.Outcome, in transaction: Transaction
    ) throws {
        // Refused: it has ended otherwise, which its event tells.
        guard case .done(let value) = outcome, let id = ID<Payment>(call.subject) else { return }
        let intent = try StripePaymentIntent(value)
        guard try events.observe(intent.id, seenAt: call.sentAt ?? transaction.now, in: transaction),
            let payment = try locked(id, in: transaction)
        else { return }
        try change(payment, by: report(of: intent), in: transaction)
    }

    private func apply(_ object: ProviderObject, in transaction: Transaction) throws -> ProviderEventService.Effect {
        // The event may come before the response to the call, which tells the id.
        let named = object.value["metadata"]?[Self.metadataName]?.string.flatMap { ID<Payment>($0) }
        let known = try transaction.payment(ofProviderID: object.id)
        guard let id = try known?.id ?? named.flatMap({ try transaction.payment($0) })?.id,
            let payment = try locked(id, in: transaction), payment.method == .intent,
            payment.intentID ?? object.id == object.id
        else { return .ignored }
        try change(payment, by: report(of: try StripePaymentIntent(object.value)), in: transaction)
        return .applied
    }

    // MARK: Changes

    private func report(of intent: StripePaymentIntent) -> Payment.Report {
        let state = intent.status.known.flatMap { Payment.State(rawValue: $0.rawValue) }
        if state == nil {
            logger.error(
                "A payment has a state that is not known here.",
                metadata: ["intent": "\(intent.id)", "state": "\(intent.status.text)"])
        }
        return Payment.Report(
            state: state, intentID: intent.id, chargeID: intent.latestCharge, amount: intent.amount,
            receivedMinor: intent.amountReceived.minorUnits,
            failureCode: intent.lastError?.declineCode
                ?? intent.lastError?.code, failureMessage: intent.lastError?.message)
    }

    /// Locks what a payment pays, then the payment, until the transaction ends.
    func locked(_ id: ID<Payment>, in transaction: Transaction) throws -> Payment? {
        guard let payment = try transaction.payment(id) else { return nil }
        try registration(of: payment.purpose).lock(payment.subject, transaction)
        return try transaction.lockedPayment(id)
    }

    /// The minor units of a payment that can be refunded: its work does not need them.
    /// - Parameter payment: locked by ``locked(_:in:)``.
    func refundable(_ payment: Payment, in transaction: Transaction) throws -> Int64 {
        try registration(of: payment.purpose).bound(payment, transaction)
    }

    private func change(_ before: Payment, by report: Payment.Report, in transaction: Transaction) throws {
        guard report.amount.currency == before.amount.currency else {
            throw Problem(.internalError, detail: "the intent \(report.intentID) has another currency than its payment")
        }
        var payment = before
        guard payment.apply(report, at: transaction.now) else { return }
        try save(payment, in: transaction)
    }

    /// Writes a change, posts money that has arrived, and calls the purpose's listener.
    private func save(_ payment: Payment, in transaction: Transaction) throws {
        guard try transaction.update(payment) else { return }
        try announce(payment, in: transaction)
    }

    private func announce(_ payment: Payment, from source: MoneyAccount = .provider, in transaction: Transaction) throws
    {
        if payment.state == .succeeded { try post(payment, from: source, in: transaction) }
        if payment.state.isFinal {
            try audit.record(
                AuditEvent(
                    payment.state == .succeeded ? "payment.succeeded" : "payment.canceled",
                    outcome: payment.state == .succeeded ? .success : .failure,
                    organisation: payment.organisation.text, subject: payment.id.text, target: payment.person?.text,
                    details: ["amount": "\(payment.amount)", "purpose": payment.purpose.name]),
                in: transaction)
        }
        try registration(of: payment.purpose).listener(payment, transaction)
    }

    private func post(_ payment: Payment, from source: MoneyAccount, in transaction: Transaction) throws {
        try money.post(
            "payment.succeeded", of: .organisation(payment.organisation), in: payment.amount.currency,
            operation: "payment:\(payment.id)", subject: payment.id.text, reason: payment.purpose.name,
            [MoneyMovement(payment.receivedMinor, from: source, to: payment.account)], in: transaction)
    }

    private func registration(of purpose: PaymentPurpose) -> Registration {
        guard let registration = registrations.withLock({ $0[purpose] }) else {
            preconditionFailure("the purpose '\(purpose.name)' has no listener")
        }
        return registration
    }

    // MARK: Money that arrives otherwise

    /// Records money that arrived by another way than ``begin(_:in:)``; posts it and calls the purpose's listener.
    /// - Returns: nil where it was recorded before; nothing has changed then.
    @discardableResult
    package func record(_ received: ReceivedPayment, in transaction: Transaction) throws -> Payment? {
        let new = received.payment
        let registration = registration(of: new.purpose)
        try registration.lock(new.subject, transaction)
        var payment = Payment(
            new, id: runtime.id(), by: received.method, to: registration.destination, at: transaction.now)
        payment.state = .succeeded
        payment.providerID = received.providerID
        payment.intentID = received.intentID
        payment.chargeID = received.chargeID
        payment.receivedMinor = new.amount.minorUnits
        payment.succeededAt = received.receivedAt
        guard try transaction.insert(payment) else { return nil }
        try announce(payment, from: received.source, in: transaction)
        return payment
    }

    // MARK: Reading

    /// - Returns: nil for an unknown one, and for one of another organisation.
    package func payment(_ id: ID<Payment>, of organisation: ID<Organisation>, in transaction: Transaction) throws
        -> Payment?
    { try transaction.payment(id, of: organisation) }

    /// For callers that check who may see it.
    /// - Parameter id: of the payment, or of its intent, at the provider.
    package func payment(ofProviderID id: String, in transaction: Transaction) throws -> Payment? {
        try transaction.payment(ofProviderID: id)
    }

    /// For callers that check who may see it.
    package func payment(ofCharge id: String, in transaction: Transaction) throws -> Payment? {
        try transaction.payment(ofCharge: id)
    }

    /// The payments of a subject whose money has arrived, newest first.
    package func received(of purpose: PaymentPurpose, subject: String, in transaction: Transaction) throws -> [Payment]
    { try transaction.succeededPayments(of: purpose, subject: subject) }

    /// The attempt of a subject that has not ended; nil where there is none.
    package func live(of purpose: PaymentPurpose, subject: String, in transaction: Transaction) throws -> Payment? {
        try transaction.livePayment(of: purpose, subject)
    }

    /// The payments of a subject, newest first, at most 100: for people. Attempts that were replaced are among them.
    package func payments(of purpose: PaymentPurpose, subject: String, in transaction: Transaction) throws -> [Payment]
    { try transaction.payments(of: purpose, subject: subject, limit: Self.subjectPaymentsMax) }
}

extension Payment {
    fileprivate init(
        _ new: NewPayment, id: ID<Payment>, by method: Method, to destination: PaymentDestination, at now: Instant
    ) {
        self.init(
            id: id, organisation: new.organisation, person: new.person, purpose: new.purpose, subject: new.subject,
            method: method, amount: new.amount, destination: destination, description: new.description,
            state: .unknown, receivedMinor: 0, refundedMinor: 0, createdAt: now)
    }

    /// The account that its money is in until it is released, refunded or disputed.
    package var account: MoneyAccount {
        switch destination {
        case .held: .held(of: organisation)
        case .revenue: .revenue
        }
    }
}
