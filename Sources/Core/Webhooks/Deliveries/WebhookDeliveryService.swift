import Audit
import Identity
import Mail
import Modules
import Outbound
import Secrets

/// Attempts deliveries, and shows and retries them.
final class WebhookDeliveryService: Sendable {
    private let database: any Database
    private let sender: WebhookSender
    private let sealer: Sealer
    private let queue: JobQueue
    private let audit: AuditService
    private let mailer: Mailer
    private let runtime: Runtime

    init(
        database: any Database, sender: WebhookSender, sealer: Sealer, queue: JobQueue, audit: AuditService,
        mailer: Mailer, runtime: Runtime
    ) {
        self.database = database
        self.sender = sender
        self.sealer = sealer
        self.queue = queue
        self.audit = audit
        self.mailer = mailer
        self.runtime = runtime
    }

    // MARK: For the job

    /// What a job does.
    enum Step: Sendable {
        /// The delivery was deleted, has ended, or belongs to a later job.
        case nothing
        /// The endpoint is paused.
        case wait(Duration)
        case fail(String)
        case send(WebhookMessage)
    }

    func next(_ job: DeliverWebhookJob) async throws(Problem) -> Step {
        try await database.read { [sealer, runtime] transaction in
            guard let delivery = try transaction.webhookDelivery(job.delivery, of: job.organisation),
                delivery.expects(job),
                let event = try transaction.webhookEvent(delivery.event, of: job.organisation)
            else { return .nothing }
            guard let endpoint = try transaction.webhookEndpoint(delivery.endpoint, of: job.organisation) else {
                return .fail("The endpoint was deleted.")
            }
            guard endpoint.isActive else { return .fail(WebhookDelivery.disabled) }
            guard try !Contact.owners(of: job.organisation, in: transaction).isEmpty else {
                return .fail("The organisation has no active owner.")
            }
            // A requested retry is attempted at once.
            if let pause = endpoint.pausedUntil, pause > transaction.now, job.round == 0 || job.attempt > 1 {
                return .wait(pause - transaction.now)
            }
            let secrets = try endpoint.secrets(at: transaction.now).map { try endpoint.id.openSecret($0, with: sealer) }
            return .send(WebhookMessage(event, to: endpoint.url, signedWith: secrets, at: runtime.now()))
        }
    }

    func send(_ message: WebhookMessage) async -> WebhookAttempt { await sender.send(message) }

    /// Writes the outcome of an attempt, and the job of the next one.
    func record(_ attempt: WebhookAttempt, of job: DeliverWebhookJob, in transaction: Transaction) throws {
        guard let found = try transaction.webhookDelivery(job.delivery, of: job.organisation) else { return }
        let endpoint = try transaction.lockedWebhookEndpoint(found.endpoint, of: job.organisation)
        guard var delivery = try transaction.lockedWebhookDelivery(job.delivery, of: job.organisation),
            delivery.expects(job)
        else { return }
        delivery.record(attempt, jitter: jitter(), at: transaction.now)
        try transaction.update(delivery)
        if delivery.state == .pending {
            try queue.enqueue(DeliverWebhookJob(delivery), DeliverWebhookJob.options(delivery), in: transaction)
        }
        guard let endpoint else { return }
        try note(attempt, on: endpoint, in: transaction)
    }

    /// Ends a delivery without an attempt.
    func fail(_ job: DeliverWebhookJob, because reason: String, in transaction: Transaction) throws {
        guard var delivery = try transaction.lockedWebhookDelivery(job.delivery, of: job.organisation),
            delivery.expects(job)
        else { return }
        delivery.fail(because: reason, at: transaction.now)
        try transaction.update(delivery)
    }

    /// Applies an attempt to its endpoint. A success of a healthy endpoint writes nothing.
    private func note(_ attempt: WebhookAttempt, on endpoint: WebhookEndpoint, in transaction: Transaction) throws {
        guard endpoint.isActive, attempt.error != nil || endpoint.failures > 0 else { return }
        var changed = endpoint
        if attempt.error == nil {
            changed.succeed()
        } else if attempt.isGone {
            changed.disable(.gone)
        } else {
            changed.fail(at: transaction.now)
        }
        try transaction.update(changed)
        guard changed.state == .disabled, let reason = changed.disabledBecause else { return }
        try audit.record(
            AuditEvent(
                "webhook-endpoint.disabled", organisation: endpoint.organisation.text, subject: endpoint.id.text,
                details: ["reason": reason.rawValue]),
            in: transaction)
        try mailer.send(
            "webhook-disabled", toOwnersOf: endpoint.organisation,
            [
                "host": endpoint.url.host,
                "reason": reason == .gone ? "It answered that it is gone (410)." : "Every attempt has failed.",
                "since": (endpoint.failingSince ?? transaction.now).description,
            ],
            in: transaction)
    }

    /// From 0 to 1.
    private func jitter() -> Double {
        Double(runtime.randomBytes(2).reduce(0) { $0 << 8 | UInt64($1) }) / Double(UInt16.max)
    }

    // MARK: For the organisation

    /// - Throws: `not-found` for an endpoint, or a delivery `after`, that is unknown.
    func list(
        _ endpoint: ID<WebhookEndpoint>, state: WebhookDelivery.State?, after: ID<WebhookDelivery>?, limit: Int,
        scope: Scope
    ) async throws(Problem) -> WebhookDeliveryList {
        try await database.read { transaction in
            guard try transaction.webhookEndpoint(endpoint, of: scope.organisation) != nil else {
                throw Problem(.notFound)
            }
            var bound: WebhookDelivery?
            if let after {
                guard let found = try transaction.webhookDelivery(after, of: scope.organisation) else {
                    throw Problem(.notFound)
                }
                bound = found
            }
            let rows = try transaction.webhookDeliveries(
                to: endpoint, of: scope.organisation, in: state, before: bound, limit: limit + 1)
            return WebhookDeliveryList(
                deliveries: rows.prefix(limit).map { WebhookDeliveryView($0.delivery, type: $0.type) },
                nextCursor: rows.count > limit ? rows[limit - 1].delivery.id : nil)
        }
    }

    /// - Throws: `not-found`.
    func view(_ id: ID<WebhookDelivery>, scope: Scope) async throws(Problem) -> WebhookDeliveryDetail {
        try await database.read { transaction in
            guard let delivery = try transaction.webhookDelivery(id, of: scope.organisation),
                let event = try transaction.webhookEvent(delivery.event, of: scope.organisation)
            else { throw Problem(.notFound) }
            return try WebhookDeliveryDetail(delivery, event)
        }
    }

    /// Sends a delivery again, whatever its state. The event keeps its id.
    /// - Throws: `not-found`; `conflict` where its endpoint is disabled or deleted.
    func retry(_ id: ID<WebhookDelivery>, scope: Scope) async throws(Problem) -> Accepted<WebhookDeliveryView> {
        let view = try await database.write { [self] transaction -> WebhookDeliveryView in
            try transaction.authority(of: scope, WebhookEndpointService.managers)
            guard let found = try transaction.webhookDelivery(id, of: scope.organisation) else {
                throw Problem(.notFound)
            }
            try requireActive(found.endpoint, of: scope.organisation, in: transaction)
            guard let delivery = try transaction.lockedWebhookDelivery(id, of: scope.organisation),
                let event = try transaction.webhookEvent(delivery.event, of: scope.organisation)
            else { throw Problem(.notFound) }
            let retried = try retry(delivery, in: transaction)
            try audit.record(
                AuditEvent("webhook-delivery.retried", by: scope, subject: id.text), in: transaction)
            return WebhookDeliveryView(retried, type: event.type)
        }
        return Accepted(view, follow: "/v1/webhooks/deliveries/\(id)")
    }

    /// Failed deliveries that one request replays.
    static let replayMax = 500

    /// Sends the failed deliveries of a time again, oldest first.
    /// - Throws: `not-found`; `conflict` where the endpoint is disabled.
    func replay(_ replay: WebhookReplay, of id: ID<WebhookEndpoint>, scope: Scope) async throws(Problem)
        -> WebhookReplayView
    {
        try await database.write { [self] transaction in
            try transaction.authority(of: scope, WebhookEndpointService.managers)
            return try self.replay(replay, of: id, in: scope.organisation, by: scope, in: transaction)
        }
    }

    /// As ``replay(_:of:scope:)``, for an administrator.
    func replay(_ replay: WebhookReplay, of id: ID<WebhookEndpoint>, administrator scope: Scope) async throws(Problem)
        -> WebhookReplayView
    {
        try await database.write { [self] transaction in
            try transaction.requireCaller(scope, as: .admin)
            guard let organisation = try transaction.organisation(ofWebhookEndpoint: id) else {
                throw Problem(.notFound)
            }
            return try self.replay(replay, of: id, in: organisation, by: scope, in: transaction)
        }
    }

    private func replay(
        _ replay: WebhookReplay, of id: ID<WebhookEndpoint>, in organisation: ID<Organisation>, by scope: Scope,
        in transaction: Transaction
    ) throws -> WebhookReplayView {
        try requireActive(id, of: organisation, in: transaction)
        let failed = try transaction.failedWebhookDeliveries(
            to: id, of: organisation, since: replay.since, until: replay.until ?? transaction.now,
            limit: Self.replayMax + 1)
        for delivery in failed.prefix(Self.replayMax) { _ = try retry(delivery, in: transaction) }
        let count = min(failed.count, Self.replayMax)
        try audit.record(
            AuditEvent(
                "webhook-endpoint.replayed", by: scope, in: organisation, subject: id.text,
                details: ["since": replay.since.description, "deliveries": "\(count)"]),
            in: transaction)
        return WebhookReplayView(deliveries: count, hasMore: failed.count > Self.replayMax)
    }

    private func retry(_ delivery: WebhookDelivery, in transaction: Transaction) throws -> WebhookDelivery {
        var retried = delivery
        retried.retry(at: transaction.now)
        try transaction.update(retried)
        try queue.enqueue(DeliverWebhookJob(retried), DeliverWebhookJob.options(retried), in: transaction)
        return retried
    }

    /// Locks an endpoint before its deliveries.
    private func requireActive(
        _ id: ID<WebhookEndpoint>, of organisation: ID<Organisation>, in transaction: Transaction
    ) throws {
        guard let endpoint = try transaction.lockedWebhookEndpoint(id, of: organisation) else {
            throw Problem(.notFound)
        }
        guard endpoint.isActive else { throw Problem(.conflict, detail: "The endpoint is disabled: enable it first.") }
    }
}
