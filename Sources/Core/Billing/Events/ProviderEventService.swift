package import Modules
package import Stripe
import Synchronization

/// Receives the provider's events, stores each once, and applies the objects that they name.
///
/// An event is a hint: its object is fetched after it came, and what was fetched is applied where nothing newer has
/// been. Fetches of an object are numbered when they begin, so that an event which is repeated, late or out of order
/// moves nothing back, whatever the order in which the fetches end.
package final class ProviderEventService: Sendable {
    package enum Effect: Sendable {
        case applied
        /// The object is none of ours, or has nothing that matters here.
        case ignored
    }

    /// Applies the present state of an object, in the transaction that marks its events. It is called again for every
    /// further event, so an unchanged state has no effect. Older states than the one applied last are not handed over.
    package typealias Handler = @Sendable (ProviderObject, Transaction) throws -> Effect

    private struct Registration: Sendable {
        let kind: ProviderObjectKind
        var handlers: [Handler]
    }

    private struct Claim: Sendable {
        let number: Int64
        let at: Instant
    }

    private typealias Fetched = (value: JSONValue, isDeleted: Bool)

    private let client: StripeClient?
    private let database: any Database
    private let queue: JobQueue
    private let logger: Logger
    private let runtime: Runtime
    private let registrations = Mutex<[String: Registration]>([:])

    init(client: StripeClient?, database: any Database, queue: JobQueue, logger: Logger, runtime: Runtime) {
        self.client = client
        self.database = database
        self.queue = queue
        self.logger = logger
        self.runtime = runtime
    }

    /// Adds a handler of a kind of objects, when the system is built. A kind may have several; the events of a kind
    /// without handlers are stored and ignored.
    package func register(_ kind: ProviderObjectKind, applying handler: @escaping Handler) {
        registrations.withLock {
            $0[kind.name, default: Registration(kind: kind, handlers: [])].handlers.append(handler)
        }
    }

    // MARK: Receiving

    /// Stores an event that has been verified, with the job that applies it. A repeat changes nothing.
    /// - Throws: `invalid-payload` for a value that is no event.
    func receive(_ value: JSONValue, by source: ProviderEvent.Source) async throws(Problem) {
        let event = ProviderEvent(value, id: runtime.id(), by: source, at: runtime.now())
        guard let event else { throw Problem(.invalidPayload, title: "Invalid payload", detail: "Invalid payload") }
        try await database.write { [self] in try store(event, in: $0) }
    }

    private func store(_ event: ProviderEvent, in transaction: Transaction) throws {
        var event = event
        // A balance has no id, and a coupon one of another form: they are not followed here.
        if event.objectID.isEmpty || registration(of: event.kind) == nil { event.ignore() }
        guard try transaction.insert(event), event.state == .received else { return }
        try enqueue(event.id, in: transaction)
    }

    private func enqueue(_ id: ID<ProviderEvent>, in transaction: Transaction) throws {
        try queue.enqueue(ApplyProviderEventJob(event: id), ApplyProviderEventJob.options, in: transaction)
    }

    /// Reads the events since the last poll: what a lost webhook would have told.
    /// - Returns: false where there is more to read.
    func poll() async throws -> Bool {
        guard let client else { return true }
        let now = runtime.now()
        let first = now - ProviderPoll.firstReach
        var poll =
            try await database.read { try $0.providerPoll() }
            ?? ProviderPoll(newestAt: first, pendingAt: first, pageAfter: nil)
        for _ in 0..<Self.pollPagesMax {
            let request = StripeRequest.events(
                created: StripeTimeRange(from: poll.from), page: StripePage(startingAfter: poll.pageAfter))
            let list: JSONValue
            do throws(StripeFetchFailure) { list = try await client.fetch(request) } catch {
                guard error.isMissing, poll.pageAfter != nil else { throw error }
                // The event at which the list was to go on is not kept any more.
                poll.pageAfter = nil
                continue
            }
            let values = list["data"]?.array ?? []
            let events = values.compactMap { ProviderEvent($0, id: runtime.id(), by: .poll, at: now) }
            let hasMore = list["has_more"]?.bool == true
            poll.read(newest: events.map(\.createdAt).max(), last: hasMore ? values.last?["id"]?.string : nil)
            try await database.write { [self, poll] transaction in
                for event in events { try store(event, in: transaction) }
                try transaction.save(poll)
            }
            if poll.pageAfter == nil { return true }
        }
        return false
    }

    /// Pages of 100 events of one job.
    private static let pollPagesMax = 50

    // MARK: Applying

    /// Fetches the object of an event and applies it.
    /// - Returns: the outcome of the event's job.
    func apply(_ id: ID<ProviderEvent>) async throws -> JobOutcome {
        let claimed = try await database.write { [client] transaction -> (ProviderEvent, Claim)? in
            guard let event = try transaction.providerEvent(id), event.state == .received else { return nil }
            guard client != nil else { return (event, Claim(number: 0, at: transaction.now)) }
            let number = try transaction.claimProviderObject(event.objectID, of: event.account)
            return (event, Claim(number: number, at: transaction.now))
        }
        guard let (event, claim) = claimed else { return .done }
        guard let registration = registration(of: event.kind) else {
            return .done { try $0.end(id, as: .ignored) }
        }
        guard claim.at < event.retryUntil else { throw JobFailure.permanent(event.lastError ?? "It took too long.") }
        guard let client else {
            return ApplyProviderEventJob.done { [self] in try applyDelivered(event, registration, in: $0) }
        }
        let fetched = try await fetch(event.objectID, registration.kind, of: event.account, client)
        return ApplyProviderEventJob.done { [self] transaction in
            let isNewest = try transaction.advanceProviderObject(
                event.objectID, of: event.account, to: claim.number, fetchedAt: claim.at)
            guard isNewest else {
                try transaction.end(id, as: .superseded)
                return
            }
            // Not there any more, or not ours to read: the last that is known is what the event delivered.
            guard let fetched = fetched ?? event.delivered else {
                try transaction.end(id, as: .ignored)
                return
            }
            let object = ProviderObject(event, registration.kind, fetched.value, isDeleted: fetched.isDeleted)
            try end(event, try apply(object, registration, in: transaction), in: transaction)
            try transaction.supersedeProviderEvents(
                of: event.objectID, account: event.account, receivedBefore: claim.at, except: id)
        }
    }

    /// Without a key nothing can be fetched: the object is applied as it was delivered, where no newer event has been.
    private func applyDelivered(_ event: ProviderEvent, _ registration: Registration, in transaction: Transaction)
        throws
    {
        guard let delivered = event.delivered else {
            try transaction.end(event.id, as: .ignored)
            return
        }
        let isNewest = try transaction.advanceProviderObject(
            event.objectID, of: event.account, deliveredAt: event.createdAt)
        guard isNewest else {
            try transaction.end(event.id, as: .superseded)
            return
        }
        let object = ProviderObject(event, registration.kind, delivered.value, isDeleted: delivered.isDeleted)
        try end(event, try apply(object, registration, in: transaction), in: transaction)
    }

    private func end(_ event: ProviderEvent, _ effect: Effect, in transaction: Transaction) throws {
        try transaction.end(event.id, as: effect == .applied ? .applied : .ignored)
    }

    private func apply(_ object: ProviderObject, _ registration: Registration, in transaction: Transaction) throws
        -> Effect
    {
        var effect = Effect.ignored
        for handler in registration.handlers where try handler(object, transaction) == .applied { effect = .applied }
        return effect
    }

    /// - Returns: nil where there is no such object, or it cannot be read any more.
    private func fetch(_ id: String, _ kind: ProviderObjectKind, of account: String, _ client: StripeClient)
        async throws(StripeFetchFailure) -> Fetched?
    {
        guard let path = kind.path(of: id) else { return nil }
        let request = StripeRequest(.get, path).acting(for: account.isEmpty || id == account ? nil : account)
        do throws(StripeFetchFailure) {
            let value = try await client.fetch(request)
            return (value, value["deleted"]?.bool == true)
        } catch {
            guard error.isMissing else { throw error }
            return nil
        }
    }

    /// Marks an event as dead: nothing applies it but an administrator's redrive.
    func abandon(_ id: ID<ProviderEvent>, because reason: String?, in transaction: Transaction) throws {
        guard try transaction.end(id, as: .dead, error: reason) else { return }
        transaction.afterCommit { [logger] in
            logger.error(
                "An event of the payment provider could not be applied. An administrator has to look.",
                metadata: ["provider_event": "\(id)"])
        }
    }

    /// - Throws: `not-found`; `provider-event-state` unless the event is dead.
    func redrive(_ id: ID<ProviderEvent>, in transaction: Transaction) throws -> ProviderEvent {
        guard try transaction.providerEvent(id) != nil else { throw Problem(.notFound) }
        guard try transaction.redriveProviderEvent(id), let event = try transaction.providerEvent(id) else {
            throw Problem(.providerEventState)
        }
        try enqueue(id, in: transaction)
        return event
    }

    private func registration(of kind: String) -> Registration? { registrations.withLock { $0[kind] } }

    // MARK: States that do not come by events

    /// Records a state that did not come by an event: the response to a call.
    /// - Parameter seenAt: when the request began, by the database's clock (``ProviderCall/sentAt``).
    /// - Returns: whether no newer state has been applied. An older one must not be: the event of what it tells
    ///   follows.
    package func observe(
        _ object: String, of account: String? = nil, seenAt: Instant, in transaction: Transaction
    ) throws -> Bool {
        try transaction.advanceProviderObject(object, of: account ?? "", seenAt: seenAt)
    }

    /// Fetches an object now and applies it as an event's: for a request that must not wait for the event.
    /// - Returns: the object, as it was fetched.
    /// - Throws: `not-configured`; `provider-unavailable`; `not-found` where the provider has no such object.
    @discardableResult
    package func refresh(_ id: String, _ kind: ProviderObjectKind, of account: String? = nil) async throws(Problem)
        -> JSONValue
    {
        guard let client else { throw Problem(.notConfigured, detail: "Payments are not configured.") }
        let claim = try await database.write { transaction in
            Claim(number: try transaction.claimProviderObject(id, of: account ?? ""), at: transaction.now)
        }
        let fetched: Fetched?
        do throws(StripeFetchFailure) { fetched = try await fetch(id, kind, of: account ?? "", client) } catch {
            throw Problem(.providerUnavailable, headers: ["Retry-After": "5"], cause: error)
        }
        guard let fetched else { throw Problem(.notFound) }
        guard let registration = registration(of: kind.name) else { return fetched.value }
        let object = ProviderObject(
            kind: kind, id: id, account: account, eventType: "", eventCreatedAt: claim.at, value: fetched.value,
            isDeleted: fetched.isDeleted)
        try await database.write { [self] transaction in
            let isNewest = try transaction.advanceProviderObject(
                id, of: account ?? "", to: claim.number, fetchedAt: claim.at)
            guard isNewest else { return }
            _ = try apply(object, registration, in: transaction)
        }
        return fetched.value
    }
}

extension ProviderEvent {
    /// The object as it was delivered.
    fileprivate var delivered: (value: JSONValue, isDeleted: Bool)? {
        guard let object, let value = try? JSONValue(parsing: Array(object.utf8)) else { return nil }
        return (value, type.hasSuffix(".deleted") || value["deleted"]?.bool == true)
    }
}

extension ProviderObject {
    fileprivate init(_ event: ProviderEvent, _ kind: ProviderObjectKind, _ value: JSONValue, isDeleted: Bool) {
        self.init(
            kind: kind, id: event.objectID, account: event.account.isEmpty ? nil : event.account, eventType: event.type,
            eventCreatedAt: event.createdAt, value: value, isDeleted: isDeleted)
    }
}
