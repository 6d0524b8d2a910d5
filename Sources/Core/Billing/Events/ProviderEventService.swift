package import Modules
import Stripe
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
    private let intake: ProviderEventIntake
    private let registrations = Mutex<[String: Registration]>([:])

    init(client: StripeClient?, database: any Database, queue: JobQueue, logger: Logger, runtime: Runtime) {
        intake = ProviderEventIntake(database: database) { [queue] in try Self.store($0, queue, in: $1) }
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
        guard let event = makeEvent(value, by: source, at: runtime.now()) else {
            throw Problem(.invalidPayload, title: "Invalid payload", detail: "Invalid payload")
        }
        try await intake.store(event)
    }

    private func makeEvent(_ value: JSONValue, by source: ProviderEvent.Source, at now: Instant) -> ProviderEvent? {
        guard var event = ProviderEvent(value, id: runtime.id(), by: source, at: now) else { return nil }
        // A balance has no id, and a coupon one of another form: they are not followed here.
        if event.objectID.isEmpty || registration(of: event.kind) == nil { event.ignore() }
        return event
    }

    /// Stores those of the events that are new, and has them applied.
    private static func store(_ events: [ProviderEvent], _ queue: JobQueue, in transaction: Transaction) throws {
        guard try transaction.insert(events) > 0, events.contains(where: { $0.state == .received }) else { return }
        try enqueueWaiting(queue, in: transaction)
    }

    private static func enqueueWaiting(_ queue: JobQueue, in transaction: Transaction) throws {
        try queue.enqueue(ApplyWaitingProviderEventsJob(), ApplyWaitingProviderEventsJob.options, in: transaction)
    }

    /// Enqueues a job for an event alone.
    private func enqueue(_ id: ID<ProviderEvent>, at time: Instant? = nil, in transaction: Transaction) throws {
        var options = ApplyProviderEventJob.options
        options.runAt = time
        try queue.enqueue(ApplyProviderEventJob(event: id), options, in: transaction)
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
            let events = values.compactMap { makeEvent($0, by: .poll, at: now) }
            let hasMore = list["has_more"]?.bool == true
            poll.read(newest: events.map(\.createdAt).max(), last: hasMore ? values.last?["id"]?.string : nil)
            try await database.write { [queue, poll] transaction in
                try Self.store(events, queue, in: transaction)
                try transaction.save(poll)
            }
            if poll.pageAfter == nil { return true }
        }
        return false
    }

    /// Pages of 100 events of one job.
    private static let pollPagesMax = 50

    // MARK: Applying the events that wait

    /// Events of one batch, and fetches at once.
    static let batchMax = 32
    static let fetchesMax = 8
    /// Of the first attempt for an event.
    private static let fetchMax = Duration.seconds(10)
    /// Batches of one job.
    private static let batchesMax = 1_000
    /// Before the second attempt.
    private static let firstPause = Duration.seconds(1)

    private typealias ClaimedEvent = (event: ProviderEvent, claim: Claim)

    /// Makes the first attempt for the events that wait, one for each object at a time. What fails is left to a job of
    /// its own.
    func applyWaiting(_ context: JobContext) async throws -> JobOutcome {
        for _ in 0..<Self.batchesMax {
            try context.checkCancellation()
            let claimed = try await database.write { [client] transaction in
                try Self.claimWaiting(isFetched: client != nil, in: transaction)
            }
            try await apply(claimed)
            let isMore = try await database.read { try $0.hasWaitingProviderEvents() }
            guard isMore else { break }
        }
        return .done { [queue] transaction in
            // This job has ended for the transactions that wait for its row, and they enqueue another one.
            guard try transaction.hasWaitingProviderEvents() else { return }
            try Self.enqueueWaiting(queue, in: transaction)
        }
    }

    /// - Returns: the event of each object that has waited longest.
    private static func claimWaiting(isFetched: Bool, in transaction: Transaction) throws -> [ClaimedEvent] {
        let events = try transaction.waitingProviderEventsOfObjects(atMost: batchMax)
        let numbers = isFetched ? try transaction.claimProviderObjects(events.map { ProviderObjectKey($0) }) : [:]
        return events.map { event in
            (event, Claim(number: numbers[ProviderObjectKey(event)] ?? 0, at: transaction.now))
        }
    }

    /// Fetches several objects at once, and applies them in the order of their events: what follows from an event may
    /// need what an earlier one has told.
    private func apply(_ claimed: [ClaimedEvent]) async throws {
        try await withThrowingTaskGroup(of: (index: Int, fetch: Result<Fetched?, any Error>).self) { group in
            var fetches: [Int: Result<Fetched?, any Error>] = [:]
            var (started, applied) = (0, 0)
            while applied < claimed.count {
                while started < min(claimed.count, applied + Self.fetchesMax) {
                    group.addTask { [self, started] in (started, await result(of: claimed[started].event)) }
                    started += 1
                }
                guard let fetch = fetches.removeValue(forKey: applied) else {
                    guard let next = try await group.next() else { return }
                    fetches[next.index] = next.fetch
                    continue
                }
                try await applyOrHandOver(claimed[applied], fetch)
                applied += 1
            }
        }
    }

    /// Fetches the object of an event for a bounded time, because the events after it wait. Nil without a key, and where
    /// nothing applies its kind.
    private func result(of event: ProviderEvent) async -> Result<Fetched?, any Error> {
        guard let client, let registration = registration(of: event.kind) else { return .success(nil) }
        return await withTaskGroup(of: Result<Fetched?, any Error>.self) { group in
            group.addTask { [self] in
                do {
                    return .success(try await fetch(event.objectID, registration.kind, of: event.account, client))
                } catch {
                    return .failure(error)
                }
            }
            group.addTask {
                try? await Task.sleep(for: Self.fetchMax)
                return .failure(Problem(.providerUnavailable, detail: "The provider has not answered in time."))
            }
            defer { group.cancelAll() }
            return await group.next() ?? .success(nil)
        }
    }

    private func applyOrHandOver(_ claimed: ClaimedEvent, _ fetch: Result<Fetched?, any Error>) async throws {
        let event = claimed.event
        do {
            let fetched = try fetch.get()
            try await database.write { [self] in try apply(fetched, claimed, in: $0) }
        } catch {
            // The event goes on waiting where the process stops.
            if Task.isCancelled { throw error }
            logger.warning(
                "An event of the payment provider was not applied; it is tried again.",
                metadata: ["provider_event": "\(event.id)", "cause": "\(error)"])
            // The fetch concerns all that waits for the object; what was delivered is each event's own.
            let isOfObject = if case .success(nil) = fetch { false } else { true }
            try await database.write { [self] in try handOver(event, withObject: isOfObject, in: $0) }
        }
    }

    private func apply(_ fetched: Fetched?, _ claimed: ClaimedEvent, in transaction: Transaction) throws {
        let (event, claim) = claimed
        guard let registration = registration(of: event.kind) else {
            try transaction.end(event.id, as: .ignored)
            return
        }
        if client == nil {
            try applyDelivered(event, registration, in: transaction)
        } else {
            try apply(fetched, event, claim, registration, in: transaction)
        }
    }

    /// How long the event has waited that has waited longest; zero where none waits.
    package func waitingTime(in transaction: Transaction) throws -> Duration {
        guard let oldest = try transaction.oldestWaitingProviderEventAt() else { return .zero }
        return max(.zero, transaction.now - oldest)
    }

    /// Leaves an event that waits to a job of its own.
    /// - Parameter withObject: the other events of its object wait for this job too, so that no batch waits for an
    ///   object twice.
    private func handOver(_ event: ProviderEvent, withObject: Bool, in transaction: Transaction) throws {
        guard try transaction.stopWaiting(event.id) else { return }
        if withObject { try transaction.stopWaiting(for: ProviderObjectKey(event)) }
        try enqueue(event.id, at: transaction.now + Self.firstPause, in: transaction)
    }

    /// The job of an event has ended: what was left to it, and has not ended with it, waits again.
    private func resume(_ object: ProviderObjectKey, in transaction: Transaction) throws {
        guard try transaction.resumeWaiting(for: object) > 0 else { return }
        try Self.enqueueWaiting(queue, in: transaction)
    }

    /// The job of all events has ended without being done, such as by an event that ends the process each time: the
    /// events that it had begun with get jobs of their own.
    func abandonWaiting(in transaction: Transaction) throws {
        for event in try transaction.waitingProviderEventsOfObjects(atMost: Self.batchMax) {
            try handOver(event, withObject: true, in: transaction)
        }
        guard try transaction.hasWaitingProviderEvents() else { return }
        try Self.enqueueWaiting(queue, in: transaction)
    }

    // MARK: Applying an event

    /// Fetches the object of an event and applies it.
    /// - Returns: the outcome of the event's job.
    func apply(_ id: ID<ProviderEvent>) async throws -> JobOutcome {
        let claimed = try await database.write { [client] transaction -> (ProviderEvent, Claim)? in
            guard let event = try transaction.providerEvent(id) else { return nil }
            guard client != nil, event.state == .received else {
                return (event, Claim(number: 0, at: transaction.now))
            }
            let number = try transaction.claimProviderObject(event.objectID, of: event.account)
            return (event, Claim(number: number, at: transaction.now))
        }
        guard let (event, claim) = claimed else { return .done }
        let object = ProviderObjectKey(event)
        guard event.state == .received else { return .done { [self] in try resume(object, in: $0) } }
        guard let registration = registration(of: event.kind) else {
            return .done { [self] transaction in
                try transaction.end(id, as: .ignored)
                try resume(object, in: transaction)
            }
        }
        guard claim.at < event.retryUntil else { throw JobFailure.permanent(event.lastError ?? "It took too long.") }
        guard let client else {
            return ApplyProviderEventJob.done { [self] transaction in
                try applyDelivered(event, registration, in: transaction)
                try resume(object, in: transaction)
            }
        }
        let fetched = try await fetch(event.objectID, registration.kind, of: event.account, client)
        return ApplyProviderEventJob.done { [self] transaction in
            try apply(fetched, event, claim, registration, in: transaction)
            try resume(object, in: transaction)
        }
    }

    /// - Parameter fetched: nil where the provider has no such object.
    private func apply(
        _ fetched: Fetched?, _ event: ProviderEvent, _ claim: Claim, _ registration: Registration,
        in transaction: Transaction
    ) throws {
        let isNewest = try transaction.advanceProviderObject(
            event.objectID, of: event.account, to: claim.number, fetchedAt: claim.at,
            telling: fetched == nil ? nil : event.createdAt)
        guard isNewest else {
            try transaction.end(event.id, as: .superseded)
            return
        }
        // Not there any more, or not ours to read: the last that is known is what the newest event delivered.
        guard let fetched else {
            try applyDelivered(event, registration, in: transaction)
            return
        }
        let superseded = try transaction.supersedeProviderEvents(
            of: event.objectID, account: event.account, receivedBefore: claim.at, except: event.id)
        let object = ProviderObject(
            event, registration.kind, fetched.value, isDeleted: fetched.isDeleted, superseding: superseded)
        try end(event, try apply(object, registration, in: transaction), in: transaction)
    }

    /// What cannot be fetched is applied as it was delivered, where no newer event has been. Without a key nothing can.
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
    /// - Throws: `unreadable` also for a response that is another object.
    private func fetch(_ id: String, _ kind: ProviderObjectKind, of account: String, _ client: StripeClient)
        async throws(StripeFetchFailure) -> Fetched?
    {
        guard let path = kind.path(of: id) else { return nil }
        let request = StripeRequest(.get, path).acting(for: account.isEmpty || id == account ? nil : account)
        do throws(StripeFetchFailure) {
            let value = try await client.fetch(request, id: id)
            guard value["object"]?.string == kind.name else {
                throw .unreadable(StripeObjectFault(object: kind.name, member: "object"))
            }
            return (value, value["deleted"]?.bool == true)
        } catch {
            guard error.isMissing else { throw error }
            return nil
        }
    }

    /// Marks an event as dead: nothing applies it but an administrator's redrive.
    func abandon(_ id: ID<ProviderEvent>, because reason: String?, in transaction: Transaction) throws {
        let isDead = try transaction.end(id, as: .dead, error: reason)
        if let event = try transaction.providerEvent(id) {
            let object = ProviderObjectKey(event)
            try transaction.endUnappliedProviderEvents(of: object, because: reason)
            try resume(object, in: transaction)
        }
        guard isDead else { return }
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
            kind: kind, id: id, account: account, eventType: "", eventTypes: [], eventCreatedAt: claim.at,
            value: fetched.value,
            isDeleted: fetched.isDeleted)
        try await database.write { [self] transaction in
            let isNewest = try transaction.advanceProviderObject(
                id, of: account ?? "", to: claim.number, fetchedAt: claim.at,
                telling: Instant(seconds: claim.at.seconds))
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
    fileprivate init(
        _ event: ProviderEvent, _ kind: ProviderObjectKind, _ value: JSONValue, isDeleted: Bool,
        superseding types: [String] = []
    ) {
        self.init(
            kind: kind, id: event.objectID, account: event.account.isEmpty ? nil : event.account, eventType: event.type,
            eventTypes: Set(types + [event.type]), eventCreatedAt: event.createdAt, value: value, isDeleted: isDeleted)
    }
}
