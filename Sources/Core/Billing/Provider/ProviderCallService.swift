package import Modules
package import Stripe
import Synchronization

/// Writes down, sends and settles calls to the payment provider.
package final class ProviderCallService: Sendable {
    /// The outcome that a handler is given. Unknown ones are never handled: they are reconciled first.
    package enum Outcome: Sendable {
        /// The object of Stripe's response. Where another process has settled the call, only its `id`, `object`,
        /// `status` and `latest_invoice`.
        case done(JSONValue)
        case refused(StripeRefusal)
    }

    /// What an attempt, or a look-up at the provider, has found.
    package enum Finding: Sendable {
        case done(JSONValue)
        case refused(StripeRefusal)
        /// The effect is not there. Two look-ups, an hour apart, settle the call as refused.
        case absent
        /// The provider did not say.
        case unknown(reason: String)
    }

    /// Applies an outcome, in the transaction that settles the call. It is called once for each call.
    package typealias Handler = @Sendable (ProviderCall, Outcome, Transaction) throws -> Void

    /// Finds out what became of a call whose idempotency key has expired at the provider.
    package typealias Reconciliation = @Sendable (ProviderCall, StripeClient) async -> Finding

    private struct Registration: Sendable {
        let reconciliation: Reconciliation?
        let handler: Handler
    }

    /// What follows from one look at a call.
    enum Progress: Sendable {
        case settled(ProviderCall, Outcome?)
        /// Another attempt holds the lease, or an earlier call of the subject is not settled.
        case wait(until: Instant)
        /// Its outcome is not known; it is tried again at that time.
        case unknown(until: Instant)
        /// An administrator has to look.
        case stuck
        case missing
    }

    private enum Claim: Sendable {
        case ended(Progress)
        case send(ProviderCall)
        case lookUp(ProviderCall)
    }

    /// How often a request that waits for another's attempt looks again.
    private static let pollInterval = Duration.milliseconds(50)

    /// Nil where the installation has no provider.
    package let client: StripeClient?
    private let database: any Database
    private let queue: JobQueue
    private let logger: Logger
    private let registrations = Mutex<[ProviderPurpose: Registration]>([:])

    init(client: StripeClient?, database: any Database, queue: JobQueue, logger: Logger) {
        self.client = client
        self.database = database
        self.queue = queue
        self.logger = logger
    }

    /// Called once for each purpose, when the system is built.
    /// - Parameter reconciliation: nil for calls that an administrator settles where they are still unknown after 24
    ///   hours.
    package func register(
        _ purpose: ProviderPurpose, reconciling reconciliation: Reconciliation? = nil,
        settling handler: @escaping Handler
    ) {
        registrations.withLock {
            precondition($0[purpose] == nil, "the purpose '\(purpose.name)' has a handler")
            $0[purpose] = Registration(reconciliation: reconciliation, handler: handler)
        }
    }

    /// - Throws: `not-configured` without a provider.
    @discardableResult
    package func requireClient() throws(Problem) -> StripeClient {
        guard let client else { throw Problem(.notConfigured, detail: "Payments are not configured.") }
        return client
    }

    /// Writes a call and the job that sends it.
    /// - Returns: false where a call with this key was written before; nothing has changed then.
    /// - Throws: `not-configured` without a provider.
    @discardableResult
    package func enqueue(_ call: ProviderCall, in transaction: Transaction) throws -> Bool {
        try requireClient()
        _ = registration(of: call.purpose)
        guard try transaction.insert(call) else { return false }
        // A request sends it at once; the job follows where the request does not.
        try queue.enqueue(
            SendProviderCallJob(call: call.id),
            SendProviderCallJob.options(call, at: transaction.now + SendProviderCallJob.delay), in: transaction)
        return true
    }

    /// Sends a call that has been committed, for a request that waits for it, after the unsettled calls of its subject
    /// before it. Where the job or another request is sending it, waits for their outcome.
    /// - Returns: nil where the outcome is not known when `timeout` has passed, or is unknown to the provider's client.
    package func send(_ id: ID<ProviderCall>, waitingUpTo timeout: Duration = .seconds(10)) async throws(Problem)
        -> Outcome?
    {
        // A client that goes away does not interrupt an attempt.
        let task = Task { () async -> Result<Outcome?, Problem> in
            do throws(Problem) { return .success(try await self.outcome(of: id, by: .now + timeout)) } catch {
                return .failure(error)
            }
        }
        return try await task.value.get()
    }

    /// As ``send(_:waitingUpTo:)``, of the call with a key.
    package func send(key: String, waitingUpTo timeout: Duration = .seconds(10)) async throws(Problem) -> Outcome? {
        guard let call = try await database.read({ try $0.providerCall(ofKey: key) }) else { return nil }
        return try await send(call.id, waitingUpTo: timeout)
    }

    private func outcome(of id: ID<ProviderCall>, by deadline: ContinuousClock.Instant) async throws(Problem)
        -> Outcome?
    {
        while true {
            if let earlier = try await database.read({ try $0.providerCall(before: id) }) {
                guard try await outcome(of: earlier.id, by: deadline) != nil else { return nil }
                continue
            }
            switch try await advance(id, early: true) {
            case .settled(_, let outcome): return outcome
            case .unknown, .stuck, .missing: return nil
            case .wait:
                guard .now < deadline else { return nil }
                try? await Task.sleep(for: Self.pollInterval)
            }
        }
    }

    // MARK: Attempts

    /// Makes the next attempt of a call, where one is due, and settles it.
    /// - Parameter early: as of ``ProviderCall/step(at:early:)``.
    func advance(_ id: ID<ProviderCall>, early: Bool) async throws(Problem) -> Progress {
        switch try await database.write({ [self] in try claim(id, early: early, in: $0) }) {
        case .ended(let progress): return progress
        case .send(let call):
            let client = try requireClient()
            let finding: Finding =
                switch await client.send(call.request, key: call.key) {
                case .done(let value): .done(value)
                case .refused(let refusal): .refused(refusal)
                case .unknown(let reason): .unknown(reason: reason)
                }
            return try await settle(call, finding)
        case .lookUp(let call):
            let client = try requireClient()
            let finding =
                await registration(of: call.purpose).reconciliation?(call, client)
                ?? .unknown(reason: "the key has expired, and there is no look-up of a '\(call.purpose.name)'")
            return try await settle(call, finding)
        }
    }

    private func claim(_ id: ID<ProviderCall>, early: Bool, in transaction: Transaction) throws -> Claim {
        let now = transaction.now
        guard let call = try transaction.providerCall(id) else { return .ended(.missing) }
        let step = call.step(at: now, early: early)
        switch step {
        case .none: return .ended(call.state == .stuck ? .stuck : .settled(call, call.outcome))
        case .wait(let time): return .ended(call.state == .unknown ? .unknown(until: time) : .wait(until: time))
        case .send, .lookUp: break
        }
        if let earlier = try transaction.providerCall(before: id) {
            return .ended(.wait(until: max(earlier.leaseUntil ?? now, earlier.nextAt ?? now)))
        }
        try requireClient()
        var claimed = call
        claimed.begin(at: now)
        guard try transaction.update(claimed, from: call) else { return .ended(.wait(until: now)) }
        return step == .send ? .send(claimed) : .lookUp(claimed)
    }

    private func settle(_ call: ProviderCall, _ finding: Finding) async throws(Problem) -> Progress {
        let progress = try await database.write { [self] transaction in
            try settle(call, finding, in: transaction)
        }
        if case .stuck = progress {
            logger.error(
                "The outcome of a call to the payment provider is not known. An administrator has to look.",
                metadata: ["provider_call": "\(call.id)", "purpose": "\(call.purpose.name)"])
        }
        return progress
    }

    private func settle(_ call: ProviderCall, _ finding: Finding, in transaction: Transaction) throws -> Progress {
        var settled = call
        let outcome = settled.end(finding, at: transaction.now)
        guard try transaction.update(settled, from: call) else {
            // The lease has ended, and another attempt with the same key settles it.
            return .wait(until: transaction.now)
        }
        return try apply(outcome, of: settled, in: transaction)
    }

    private func apply(_ outcome: Outcome?, of call: ProviderCall, in transaction: Transaction) throws -> Progress {
        if let outcome {
            try registration(of: call.purpose).handler(call, outcome, transaction)
            return .settled(call, outcome)
        }
        return call.state == .stuck ? .stuck : .unknown(until: call.nextAt ?? transaction.now)
    }

    private func registration(of purpose: ProviderPurpose) -> Registration {
        guard let registration = registrations.withLock({ $0[purpose] }) else {
            preconditionFailure("the purpose '\(purpose.name)' has no handler")
        }
        return registration
    }

    // MARK: Administrators

    /// Has a stuck call looked up again.
    func redrive(_ id: ID<ProviderCall>, in transaction: Transaction) throws -> ProviderCall {
        guard let call = try transaction.providerCall(id) else { throw Problem(.notFound) }
        var redriven = call
        try redriven.redrive(at: transaction.now)
        guard try transaction.update(redriven, from: call) else { throw Problem(.providerCallState) }
        try resume(redriven, in: transaction)
        return redriven
    }

    /// Settles a stuck call with what an administrator has found.
    func resolve(_ id: ID<ProviderCall>, _ finding: Finding, in transaction: Transaction) throws -> ProviderCall {
        guard let call = try transaction.providerCall(id) else { throw Problem(.notFound) }
        var resolved = call
        let outcome = try resolved.resolve(finding, at: transaction.now)
        guard try transaction.update(resolved, from: call) else { throw Problem(.providerCallState) }
        _ = try apply(outcome, of: resolved, in: transaction)
        return resolved
    }

    /// Enqueues the job of a call again; an unfinished one stays.
    func resume(_ call: ProviderCall, in transaction: Transaction) throws {
        try queue.enqueue(
            SendProviderCallJob(call: call.id), SendProviderCallJob.options(call, at: transaction.now), in: transaction)
    }
}

extension ProviderCall {
    /// The outcome as it is stored; nil before.
    fileprivate var outcome: ProviderCallService.Outcome? {
        refusal.map { .refused($0) } ?? object.map { .done($0) }
    }
}
