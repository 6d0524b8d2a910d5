import Audit
import Identity
import Modules
import Outbound
import Secrets

/// Creates, changes, tests and deletes endpoints. The caller's role is checked again in each transaction.
final class WebhookEndpointService: Sendable {
    private let database: any Database
    private let webhooks: WebhookService
    private let eventTypes: [WebhookEventType]
    private let client: UserURLClient
    private let allowsHTTP: Bool
    private let sealer: Sealer
    private let audit: AuditService
    private let runtime: Runtime

    /// The roles of an organisation that manage its endpoints, as the routes require them.
    static let managers: [OrganisationRole] = [.owner, .admin]
    private static let secretBytes = 32

    /// - Parameters:
    ///   - eventTypes: those that organisations can subscribe to.
    ///   - client: decides which addresses may be contacted.
    ///   - allowsHTTP: whether addresses without TLS are accepted.
    init(
        database: any Database, webhooks: WebhookService, eventTypes: [WebhookEventType], client: UserURLClient,
        allowsHTTP: Bool, sealer: Sealer, audit: AuditService, runtime: Runtime
    ) {
        self.database = database
        self.webhooks = webhooks
        self.eventTypes = eventTypes
        self.client = client
        self.allowsHTTP = allowsHTTP
        self.sealer = sealer
        self.audit = audit
        self.runtime = runtime
    }

    /// - Throws: `validation-failed`; `too-many-webhook-endpoints`.
    func create(_ payload: NewWebhookEndpoint, scope: Scope) async throws(Problem) -> IssuedWebhookSecret {
        let url = try await url(payload.url)
        try check(payload.eventTypes)
        let id: ID<WebhookEndpoint> = runtime.id()
        let secret = StandardWebhookSecret(bytes: runtime.randomBytes(Self.secretBytes))
        return try await database.write { [self] transaction in
            try transaction.authority(of: scope, Self.managers)
            let endpoint = WebhookEndpoint(
                id: id, organisation: scope.organisation, url: url, description: payload.description ?? "",
                eventTypes: payload.eventTypes, secret: try id.seal(secret, with: sealer), at: transaction.now)
            guard try transaction.insert(endpoint) else {
                throw Problem(
                    .tooManyWebhookEndpoints,
                    detail: "Delete an unused endpoint first: at most \(WebhookEndpoint.countMax) are possible.")
            }
            try record("webhook-endpoint.created", endpoint, by: scope, in: transaction)
            return IssuedWebhookSecret(endpoint: WebhookEndpointView(endpoint), secret: secret.text)
        }
    }

    func list(scope: Scope) async throws(Problem) -> WebhookEndpointList {
        try await database.read { transaction in
            WebhookEndpointList(
                endpoints: try transaction.webhookEndpoints(of: scope.organisation).map(WebhookEndpointView.init))
        }
    }

    /// - Throws: `not-found`.
    func view(_ id: ID<WebhookEndpoint>, scope: Scope) async throws(Problem) -> WebhookEndpointView {
        let endpoint = try await database.read { try $0.webhookEndpoint(id, of: scope.organisation) }
        guard let endpoint else { throw Problem(.notFound) }
        return WebhookEndpointView(endpoint)
    }

    /// - Throws: `validation-failed`, `not-found`.
    func change(_ change: WebhookEndpointChange, of id: ID<WebhookEndpoint>, scope: Scope) async throws(Problem)
        -> WebhookEndpointView
    {
        var url: UserURL?
        if let text = change.url { url = try await self.url(text) }
        if let types = change.eventTypes { try check(types) }
        let newURL = url
        return try await update(id, "webhook-endpoint.changed", scope: scope) { endpoint, _ in
            if let newURL { endpoint.url = newURL }
            if let types = change.eventTypes { endpoint.eventTypes = types }
            if let description = change.description { endpoint.description = description }
            switch change.enabled {
            case true?: endpoint.enable()
            case false?: endpoint.disable(.request)
            case nil: break
            }
        }
    }

    /// Replaces the secret. Events are signed with both until the overlap ends.
    /// - Throws: `not-found`.
    func rotate(_ id: ID<WebhookEndpoint>, overlap: Duration, scope: Scope) async throws(Problem)
        -> IssuedWebhookSecret
    {
        let secret = StandardWebhookSecret(bytes: runtime.randomBytes(Self.secretBytes))
        let view = try await update(id, "webhook-endpoint.secret-rotated", scope: scope) { [sealer] endpoint, now in
            endpoint.rotate(to: try id.seal(secret, with: sealer), keepingOldUntil: now + overlap, at: now)
        }
        return IssuedWebhookSecret(endpoint: view, secret: secret.text)
    }

    /// Deletes an endpoint and its secrets. Its deliveries end with their next attempt, and are pruned with age.
    /// - Throws: `not-found`.
    func delete(_ id: ID<WebhookEndpoint>, scope: Scope) async throws(Problem) {
        _ = try await update(id, "webhook-endpoint.deleted", scope: scope) { endpoint, _ in endpoint.delete() }
    }

    /// Sends a test event, also to an endpoint that does not subscribe to it.
    /// - Throws: `not-found`; `conflict` for one that is disabled.
    func test(_ id: ID<WebhookEndpoint>, scope: Scope) async throws(Problem) -> Accepted<WebhookDeliveryView> {
        let view = try await database.write { [self] transaction -> WebhookDeliveryView in
            try transaction.authority(of: scope, Self.managers)
            guard let endpoint = try transaction.webhookEndpoint(id, of: scope.organisation) else {
                throw Problem(.notFound)
            }
            guard endpoint.isActive else {
                throw Problem(.conflict, detail: "The endpoint is disabled: enable it first.")
            }
            return WebhookDeliveryView(
                try webhooks.test(endpoint, in: transaction), type: WebhookEventType.test.name)
        }
        return Accepted(view, follow: "/v1/webhooks/deliveries/\(view.id)")
    }

    /// What organisations can subscribe to.
    func types() -> WebhookEventTypeList {
        WebhookEventTypeList(eventTypes: eventTypes.map { .init(name: $0.name, summary: $0.summary) })
    }

    /// The endpoints of all organisations, for administrators.
    func all(state: WebhookEndpoint.State?, limit: Int, offset: Int) async throws(Problem) -> Page<OwnedWebhookEndpoint>
    {
        try await database.read { transaction in
            let (rows, total) = try transaction.webhookEndpoints(in: state, limit: limit, offset: offset)
            return Page(
                data: rows.map { .init(organisationId: $0.organisation.text, endpoint: WebhookEndpointView($0)) },
                total: total, limit: limit, offset: offset)
        }
    }

    private func update(
        _ id: ID<WebhookEndpoint>, _ action: String, scope: Scope,
        _ body: @escaping @Sendable (inout WebhookEndpoint, Instant) throws -> Void
    ) async throws(Problem) -> WebhookEndpointView {
        try await database.write { [self] transaction in
            try transaction.authority(of: scope, Self.managers)
            guard var endpoint = try transaction.lockedWebhookEndpoint(id, of: scope.organisation) else {
                throw Problem(.notFound)
            }
            try body(&endpoint, transaction.now)
            try transaction.update(endpoint)
            try record(action, endpoint, by: scope, in: transaction)
            return WebhookEndpointView(endpoint)
        }
    }

    private func record(
        _ action: String, _ endpoint: WebhookEndpoint, by scope: Scope, in transaction: Transaction
    ) throws {
        let details = ["host": endpoint.url.host, "state": endpoint.state.rawValue]
        try audit.record(AuditEvent(action, by: scope, subject: endpoint.id.text, details: details), in: transaction)
    }

    /// How long the look-up of a host may take.
    private static let lookUpTime = Duration.seconds(2)

    /// - Throws: `validation-failed`, also for a host that must not be contacted. The address is checked again whenever
    ///   an event is sent: it can change.
    private func url(_ text: String) async throws(Problem) -> UserURL {
        let url: UserURL
        do { url = try UserURL(text) } catch { throw Problem.invalid("/url", "is not accepted: \(error)") }
        guard url.isHTTPS || allowsHTTP else { throw Problem.invalid("/url", "must begin with https://") }
        do { try await client.check(url, timeout: Self.lookUpTime) } catch {
            guard case .notAllowed = error else { return url }
            throw Problem.invalid("/url", "is not accepted: \(error)")
        }
        return url
    }

    private func check(_ types: [String]) throws(Problem) {
        var faults: [Problem.Fault] = []
        if types.isEmpty { faults.append(Problem.Fault("/event_types", "must name at least one type, or *")) }
        for (index, type) in types.enumerated() {
            let pointer = "/event_types/\(index)"
            if type == WebhookEventType.all {
                if types.count > 1 { faults.append(Problem.Fault(pointer, "stands alone: it is every type")) }
            } else if !eventTypes.contains(where: { $0.name == type }) {
                faults.append(
                    Problem.Fault(pointer, "must be a type that GET /v1/webhooks/event-types lists, or *"))
            } else if types[..<index].contains(type) {
                faults.append(Problem.Fault(pointer, "is named twice"))
            }
        }
        guard faults.isEmpty else { throw Problem.invalid(faults) }
    }
}

extension ID where Subject == WebhookEndpoint {
    func seal(_ secret: StandardWebhookSecret, with sealer: Sealer) throws -> String {
        try sealer.seal(secret.bytes, context: context)
    }

    func openSecret(_ sealed: String, with sealer: Sealer) throws -> StandardWebhookSecret {
        StandardWebhookSecret(bytes: try sealer.open(sealed, context: context))
    }

    private var context: String { "webhook-secret:\(text)" }
}

extension Problem.Kind {
    static let tooManyWebhookEndpoints = Self(
        "too-many-webhook-endpoints", "The limit of webhook endpoints is reached", status: 409)
}
