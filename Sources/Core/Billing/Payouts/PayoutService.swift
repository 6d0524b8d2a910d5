import Audit
package import Identity
package import Modules
import Secrets
import Stripe
import Synchronization

/// Begins, sends and settles payouts. Every change is one transaction with its ledger posting, its audit event and the
/// job or the provider's call that it causes.
package final class PayoutService: Sendable {
    package enum Begun: Sendable {
        /// The money is reserved. The caller sends it after the commit; else a job does.
        case started(Payout)
        /// The subject has a live payout, which is unchanged.
        case existing(Payout)

        package var payout: Payout {
            switch self {
            case .started(let payout), .existing(let payout): payout
            }
        }
    }

    /// Why a payout is held instead of being sent.
    package struct Objection: Sendable {
        let hold: PayoutHold
        let reason: String

        package init(_ hold: PayoutHold, _ reason: String) {
            self.hold = hold
            self.reason = reason
        }
    }

    /// Called in the transaction of every change of a payout, with the payout after it and its state before, which is
    /// nil for a new one.
    package typealias ChangeHandler = @Sendable (Payout, _ before: Payout.State?, Transaction) throws -> Void
    /// Locks the row of a subject before its payout is locked.
    package typealias SubjectLock = @Sendable (_ subject: String, Transaction) throws -> Void
    /// Says, before a payout is sent and with its subject locked, what speaks against it; nil where nothing does.
    package typealias Check = @Sendable (Payout, Transaction) throws -> Objection?

    private struct Registration: Sendable {
        let lock: SubjectLock
        let check: Check
        let handler: ChangeHandler
    }

    private static let transferPurpose = ProviderPurpose("payout.transfer")
    private static let reversalPurpose = ProviderPurpose("payout.reverse")
    /// The metadata member by which a reversal is found at the provider.
    private static let reversalKey = "payout_reversal"

    private let database: any Database
    private let calls: ProviderCallService
    private let money: MoneyLedgerService
    private let audit: AuditService
    private let queue: JobQueue
    private let runtime: Runtime
    private let registrations = Mutex<[PayoutPurpose: Registration]>([:])

    init(
        database: any Database, calls: ProviderCallService, money: MoneyLedgerService, audit: AuditService,
        queue: JobQueue, runtime: Runtime
    ) {
        self.database = database
        self.calls = calls
        self.money = money
        self.audit = audit
        self.queue = queue
        self.runtime = runtime
        calls.register(Self.transferPurpose, reconciling: Self.findTransfer) { [weak self] in
            try self?.settleTransfer($0, $1, in: $2)
        }
        calls.register(Self.reversalPurpose, reconciling: Self.findReversal) { [weak self] in
            try self?.settleReversal($0, $1, in: $2)
        }
    }

    /// Called once for each purpose, when the system is built.
    /// - Parameter lock: locks what `handler` changes, so that transactions which begin with the subject and those
    ///   which begin with its payout lock in one order.
    package func onChange(
        of purpose: PayoutPurpose, locking lock: @escaping SubjectLock = { _, _ in },
        checking check: @escaping Check = { _, _ in nil }, _ handler: @escaping ChangeHandler
    ) {
        registrations.withLock {
            precondition($0[purpose] == nil, "the purpose '\(purpose.name)' has a handler")
            $0[purpose] = Registration(lock: lock, check: check, handler: handler)
        }
    }

    // MARK: Begin

    /// Reserves the money of a payout and writes the job that sends it. A payout of the subject that was refused is
    /// tried again with its next attempt; where its terms have changed, it is canceled and another one begins.
    /// - Parameter new: the caller has locked its subject.
    /// - Throws: `ledger-overdrawn` where the source has less; `payout-account-missing` where the payee has not
    ///   connected an account that can be paid, or another one than `destination`; `not-configured` without a provider.
    package func begin(_ new: NewPayout, by scope: Scope? = nil, in transaction: Transaction) throws -> Begun {
        try calls.requireClient()
        if var live = try transaction.lockedLivePayout(of: new.purpose, new.subject) {
            guard live.state == .refused else { return .existing(live) }
            let destination = try requireDestination(of: new, in: transaction)
            if live.hasTerms(of: new) {
                try live.retry(to: destination, needsApproval: new.needsApproval)
                try transaction.update(live)
                return .started(try reserve(live, by: scope, in: transaction))
            }
            try live.cancel("Another payout follows.", at: transaction.now)
            try save(live, nil, by: scope, in: transaction)
        }
        let destination = try requireDestination(of: new, in: transaction)
        var payout = Payout(
            new, id: runtime.id(), destination: destination,
            after: try transaction.payoutAttempts(of: new.purpose, new.subject), at: transaction.now)
        try payout.reserve(needsApproval: new.needsApproval)
        guard try transaction.insert(payout) else {
            guard let other = try transaction.lockedLivePayout(of: new.purpose, new.subject) else {
                throw Problem(.conflict, detail: "Another payout of this has begun.")
            }
            return .existing(other)
        }
        return .started(try reserve(payout, by: scope, in: transaction))
    }

    /// Posts the reservation of a payout whose row is written.
    private func reserve(_ payout: Payout, by scope: Scope?, in transaction: Transaction) throws -> Payout {
        try post("reserved", payout, payout.reservation, number: payout.attempt + 1, in: transaction)
        if payout.state == .reserved { try enqueue(payout, in: transaction) }
        return try announce(payout.id, after: payout.stateBefore, by: scope, in: transaction)
    }

    private func requireDestination(of new: NewPayout, in transaction: Transaction) throws -> String {
        let account = try transaction.lockedConnectedAccount(of: new.payee)
        guard let account, account.canBePaid, let id = account.providerID, new.destination ?? id == id else {
            throw Problem(.payoutAccountMissing, detail: account?.restriction)
        }
        return id
    }

    // MARK: Reading

    /// The payout of a subject that is live; otherwise the last one.
    package func payout(of purpose: PayoutPurpose, _ subject: String, in transaction: Transaction) throws -> Payout? {
        try transaction.payout(of: purpose, subject)
    }

    /// For callers that check who may see it.
    package func payout(_ id: ID<Payout>, in transaction: Transaction) throws -> Payout? { try transaction.payout(id) }

    /// The number of its transfers that the provider has refused.
    package func countRefusals(of id: ID<Payout>, in transaction: Transaction) throws -> Int64 {
        try transaction.countRefusedTransfers(of: id)
    }

    /// Newest first, with the total number. For callers that check who may see them.
    package func payouts(_ filter: PayoutFilter, limit: Int, offset: Int, in transaction: Transaction) throws -> (
        rows: [Payout], total: Int64
    ) {
        try transaction.payouts(filter, limit: limit, offset: offset)
    }

    // MARK: Send

    /// Sends a payout whose beginning has been committed, or waits for the caller that is sending it.
    /// - Returns: the payout afterwards: `transferred` or a later state; `refused` with the reason; `held` where the
    ///   payee's account has changed or its purpose objects; `unknown`, `sending` or `reserved` where the outcome is
    ///   not known when `timeout` has passed.
    package func send(_ id: ID<Payout>, waitingUpTo timeout: Duration = .seconds(10)) async throws(Problem) -> Payout {
        let payout = try await database.write { [self] in try prepare(id, in: $0) }
        guard payout.state.isOpen else { return payout }
        return try await outcome(of: id, .transfer, waitingUpTo: timeout)
    }

    /// Writes the attempt of a reserved payout and its call.
    private func prepare(_ id: ID<Payout>, in transaction: Transaction) throws -> Payout {
        var payout = try locked(id, in: transaction)
        guard payout.state == .reserved else { return payout }
        if let objection = try registration(of: payout.purpose)?.check(payout, transaction) {
            try payout.hold(objection.reason, for: objection.hold)
            return try save(payout, nil, by: nil, in: transaction)
        }
        // Under the lock of the account: a payout never goes to an account that was replaced or suspended meanwhile.
        let account = try payout.payee.organisation.flatMap { try transaction.lockedConnectedAccount(of: $0) }
        guard let account, account.canBePaid, account.providerID == payout.destination else {
            try payout.hold("The payee's account has changed since the payout began.", for: .account)
            return try save(payout, nil, by: nil, in: transaction)
        }
        try payout.send()
        var metadata = payout.metadata
        metadata["payout"] = payout.id.text
        metadata["purpose"] = payout.purpose.name
        let request = StripeRequest.createTransfer(
            amount: Money(payout.net, payout.amount.currency), destination: payout.destination,
            transferGroup: payout.id.text, metadata: metadata)
        try enqueue(request, of: payout, .transfer, number: payout.attempt, key: payout.attemptKey, in: transaction)
        return try save(payout, nil, by: nil, in: transaction)
    }

    private func enqueue(
        _ request: StripeRequest, of payout: Payout, _ kind: PayoutAttempt.Kind, number: Int, key: String,
        in transaction: Transaction
    ) throws {
        let call = ProviderCall(
            id: runtime.id(), purpose: kind == .transfer ? Self.transferPurpose : Self.reversalPurpose,
            subject: payout.id.text, organisation: payout.payee.organisation, key: key, request: request)
        try transaction.insert(
            PayoutAttempt(
                payout.id, kind, number: number, key: key, requestHash: request.fingerprint, call: call.id,
                at: transaction.now))
        // The key of an attempt is used once: the attempt's row has just been inserted.
        guard try calls.enqueue(call, in: transaction) else {
            throw Problem(.conflict, detail: "The idempotency key of the payout has been used before.")
        }
    }

    /// Waits for the outcome of the last attempt.
    private func outcome(of id: ID<Payout>, _ kind: PayoutAttempt.Kind, waitingUpTo timeout: Duration)
        async throws(Problem) -> Payout
    {
        let call = try await database.read { try $0.lastPayoutCall(of: id, kind) }
        if let call { _ = try await calls.send(call, waitingUpTo: timeout) }
        return try await database.write { [self] transaction in
            let payout = try locked(id, in: transaction)
            guard payout.state == .sending, let call, try transaction.isProviderCallUnknown(call) else { return payout }
            var lost = payout
            try lost.lose()
            return try save(lost, nil, by: nil, in: transaction)
        }
    }

    // MARK: Outcomes of transfers

    private func settleTransfer(
        _ call: ProviderCall, _ outcome: ProviderCallService.Outcome, in transaction: Transaction
    ) throws {
        guard let id = ID<Payout>(call.subject) else { return }
        var payout = try locked(id, in: transaction)
        switch outcome {
        case .done(let value):
            guard let transfer = value["id"]?.string else { throw Problem(.internalError, detail: "no transfer id") }
            guard try transaction.settle(call.id, as: .done, detail: transfer) else { return }
            try payout.transfer(transfer, at: transaction.now)
            try save(payout, ("transferred", payout.transferral, 1), by: nil, in: transaction)
        case .refused(let refusal):
            guard try transaction.settle(call.id, as: .refused, detail: refusal.message) else { return }
            try payout.refuse(refusal.message)
            try save(payout, ("refused", payout.release, payout.attempt), by: nil, in: transaction)
        }
    }

    /// Finds a payout's transfer by its group, which no other payout has.
    private static func findTransfer(_ call: ProviderCall, _ client: StripeClient) async
        -> ProviderCallService.Finding
    {
        let outcome = await client.send(.transfers(transferGroup: call.subject), key: nil)
        guard case .done(let page) = outcome, let transfers = page["data"]?.array else {
            return .unknown(reason: outcome.sentence)
        }
        return transfers.first.map { .done($0) } ?? .absent
    }

    // MARK: Administration

    /// Keeps a payout that is not sent yet from being sent.
    /// - Throws: `not-found`; `payout-state` in other states than reserved.
    @discardableResult
    package func hold(
        _ id: ID<Payout>, for hold: PayoutHold = .administrator, reason: String, by scope: Scope? = nil,
        in transaction: Transaction
    ) throws -> Payout {
        var payout = try locked(id, in: transaction)
        try payout.hold(reason, for: hold)
        return try save(payout, nil, by: scope, in: transaction)
    }

    /// Ends a hold, where it is of this kind: a job sends the payout, unless something else speaks against it then.
    /// - Returns: whether it was.
    /// - Throws: `not-found`.
    @discardableResult
    package func endHold(
        _ id: ID<Payout>, for hold: PayoutHold, by scope: Scope? = nil, in transaction: Transaction
    ) throws -> Bool {
        var payout = try locked(id, in: transaction)
        guard payout.state == .held, payout.heldFor == hold else { return false }
        try payout.approve()
        try enqueue(payout, in: transaction)
        try save(payout, nil, by: scope, in: transaction)
        return true
    }

    /// Releases a hold, or approves a payout that waits for it. A job sends it, or ``send(_:waitingUpTo:)`` at once.
    /// - Throws: `not-found`; `payout-state` in other states than held; `payout-account-missing`.
    @discardableResult
    package func approve(_ id: ID<Payout>, by scope: Scope? = nil, in transaction: Transaction) throws -> Payout {
        var payout = try locked(id, in: transaction)
        let account = try payout.payee.organisation.flatMap { try transaction.lockedConnectedAccount(of: $0) }
        guard let account, account.canBePaid, let destination = account.providerID else {
            throw Problem(.payoutAccountMissing, detail: account?.restriction)
        }
        try payout.approve(to: destination)
        try enqueue(payout, in: transaction)
        return try save(payout, nil, by: scope, in: transaction)
    }

    /// Gives the money back to its source.
    /// - Throws: `not-found`; `payout-state` in other states than reserved, held and refused.
    @discardableResult
    package func cancel(_ id: ID<Payout>, reason: String, by scope: Scope? = nil, in transaction: Transaction) throws
        -> Payout
    {
        var payout = try locked(id, in: transaction)
        let hasMoney = payout.state != .refused
        try payout.cancel(reason, at: transaction.now)
        return try save(payout, hasMoney ? ("canceled", payout.release, 1) : nil, by: scope, in: transaction)
    }

    /// Begins to take a transferred payout back, whole. ``reversal(of:waitingUpTo:)`` waits for the outcome.
    /// - Throws: `not-found`; `payout-state` in other states than transferred, paid and returned; `not-configured`.
    @discardableResult
    package func reverse(_ id: ID<Payout>, reason: String, by scope: Scope? = nil, in transaction: Transaction) throws
        -> Payout
    {
        var payout = try locked(id, in: transaction)
        // A repeat reads how the first request has ended.
        guard payout.state != .reversing, payout.state != .reversed else { return payout }
        try payout.reverse(reason)
        guard let transfer = payout.transfer else { throw Problem(.payoutState) }
        let key = "payout:\(payout.id):reversal:\(payout.reversalAttempt)"
        try enqueue(
            .reverseTransfer(transfer, metadata: [Self.reversalKey: key]), of: payout, .reversal,
            number: payout.reversalAttempt, key: key, in: transaction)
        return try save(payout, nil, by: scope, in: transaction)
    }

    /// Sends a reversal that has been committed, or waits for the caller that is sending it.
    /// - Returns: the payout afterwards: `reversed`; an earlier state with the reason where the provider refused it;
    ///   `reversing` where the outcome is not known when `timeout` has passed.
    package func reversal(of id: ID<Payout>, waitingUpTo timeout: Duration = .seconds(10)) async throws(Problem)
        -> Payout
    {
        try await outcome(of: id, .reversal, waitingUpTo: timeout)
    }

    private func settleReversal(
        _ call: ProviderCall, _ outcome: ProviderCallService.Outcome, in transaction: Transaction
    ) throws {
        guard let id = ID<Payout>(call.subject) else { return }
        var payout = try locked(id, in: transaction)
        switch outcome {
        case .done(let value):
            guard try transaction.settle(call.id, as: .done, detail: value["id"]?.string ?? "") else { return }
            let payable = try money.lock(
                MoneyAccount(.payable, of: payout.payee), in: payout.amount.currency, transaction)
            try payout.completeReversal(at: transaction.now)
            try save(payout, ("reversed", payout.restitution(payable: payable), 1), by: nil, in: transaction)
        case .refused(let refusal):
            guard try transaction.settle(call.id, as: .refused, detail: refusal.message) else { return }
            try payout.refuseReversal(refusal.message)
            try save(payout, nil, by: nil, in: transaction)
        }
    }

    /// Finds a reversal among those of the transfer by its key.
    private static func findReversal(_ call: ProviderCall, _ client: StripeClient) async
        -> ProviderCallService.Finding
    {
        let outcome = await client.send(StripeRequest(.get, call.request.path), key: nil)
        guard case .done(let page) = outcome, let reversals = page["data"]?.array else {
            return .unknown(reason: outcome.sentence)
        }
        return reversals.first { $0["metadata"]?[reversalKey]?.string == call.key }.map { .done($0) } ?? .absent
    }

    // MARK: The bank

    /// Applies that a connected account's payout to its bank has paid the money. Repeats change nothing.
    /// - Parameter bankPayout: `po_…`.
    func arrive(_ id: ID<Payout>, by bankPayout: String, in transaction: Transaction) throws {
        var payout = try locked(id, in: transaction)
        guard payout.state.hasTransferred, payout.bankPayout != bankPayout || !payout.isAtBank else { return }
        guard !payout.isAtBank else {
            try payout.settle(by: bankPayout)
            return try transaction.update(payout)
        }
        try payout.pay(by: bankPayout, at: transaction.now)
        try save(payout, ("paid", payout.arrival, Int(payout.version)), by: nil, in: transaction)
    }

    /// As ``arrive(_:by:in:)``, for a payout to the bank that was not accepted or was canceled. One that another has
    /// followed changes nothing.
    func bankReturned(_ id: ID<Payout>, by bankPayout: String, reason: String, in transaction: Transaction) throws {
        var payout = try locked(id, in: transaction)
        guard payout.state.hasTransferred, payout.returnedAt == nil, payout.bankPayout ?? bankPayout == bankPayout
        else { return }
        let posting = payout.isAtBank ? ("returned", payout.bankReturn, Int(payout.version)) : nil
        try payout.return(reason, by: bankPayout, at: transaction.now)
        try save(payout, posting, by: nil, in: transaction)
    }

    // MARK: Writing

    /// Locks the subject, then the payout, until the transaction ends.
    private func locked(_ id: ID<Payout>, in transaction: Transaction) throws -> Payout {
        guard let payout = try transaction.payout(id) else { throw Problem(.notFound) }
        try registration(of: payout.purpose)?.lock(payout.subject, transaction)
        guard let locked = try transaction.lockedPayout(id) else { throw Problem(.notFound) }
        return locked
    }

    /// Writes a changed payout, its posting, its audit event and what its purpose makes of it.
    @discardableResult
    private func save(
        _ payout: Payout, _ posting: (name: String, movements: [MoneyMovement], number: Int)?, by scope: Scope?,
        in transaction: Transaction
    ) throws -> Payout {
        try transaction.update(payout)
        if let posting {
            try post(posting.name, payout, posting.movements, number: posting.number, in: transaction)
        }
        return try announce(payout.id, after: payout.stateBefore, by: scope, in: transaction)
    }

    private func post(
        _ name: String, _ payout: Payout, _ movements: [MoneyMovement], number: Int, in transaction: Transaction
    ) throws {
        let isNew = try money.post(
            "payout.\(name)", of: payout.payee, in: payout.amount.currency,
            operation: "payout:\(payout.id):\(name):\(number)", subject: payout.id.text, movements, in: transaction)
        // A state without its posting would lose money, so nothing is written.
        guard isNew else { throw Problem(.internalError, detail: "the posting of a payout was written before") }
    }

    private func announce(
        _ id: ID<Payout>, after before: Payout.State?, by scope: Scope?, in transaction: Transaction
    ) throws -> Payout {
        guard let payout = try transaction.payout(id) else { throw Problem(.notFound) }
        var details = [
            "amount_minor": "\(payout.amount.minorUnits)", "currency": payout.amount.currency.code,
            "purpose": payout.purpose.name, "subject": payout.subject,
        ]
        if payout.attempt > 0 { details["attempt"] = "\(payout.attempt)" }
        if let transfer = payout.transfer { details["transfer"] = transfer }
        if let reason = payout.reason { details["reason"] = reason }
        let action = "payout.\(payout.state.rawValue)"
        let event =
            scope.map {
                AuditEvent(
                    action, by: $0, in: payout.payee.organisation, subject: payout.id.text, details: details)
            }
            ?? AuditEvent(
                action, organisation: payout.payee.organisation?.text, subject: payout.id.text, details: details)
        try audit.record(event, in: transaction)
        try registration(of: payout.purpose)?.handler(payout, before, transaction)
        return payout
    }

    private func enqueue(_ payout: Payout, in transaction: Transaction) throws {
        try queue.enqueue(
            SendPayoutJob(payout: payout.id), SendPayoutJob.options(payout, at: transaction.now), in: transaction)
    }

    private func registration(of purpose: PayoutPurpose) -> Registration? {
        registrations.withLock { $0[purpose] }
    }
}

extension Payout {
    /// Whether a refused payout can be tried again for `new`: the same money to the same payee.
    fileprivate func hasTerms(of new: NewPayout) -> Bool {
        source == new.source && payee == .organisation(new.payee) && amount == new.amount
            && commission == new.commission && key == new.key
    }
}

extension StripeRequest {
    /// The SHA-256 of method, path, account and fields in hexadecimal digits.
    fileprivate var fingerprint: String {
        var text = "\(method.rawValue) \(path) \(account ?? "-")"
        for field in form.fields { text += "\n\(field.name.utf8.count):\(field.name)=\(field.value)" }
        return Digest.hex(text)
    }
}

extension StripeOutcome {
    /// Why a look-up has not succeeded.
    fileprivate var sentence: String {
        switch self {
        case .done: "the provider's list could not be read"
        case .refused(let refusal): "the look-up was refused: \(refusal.message)"
        case .unknown(let reason): reason
        }
    }
}

extension Problem.Kind {
    package static let payoutAccountMissing = Self(
        "payout-account-missing", "The payee has no account that can be paid", status: 409)
}
