import Audit
import Identity
import Modules

/// Events of the provider, for administrators.
final class ProviderEventAdministrationService: Sendable {
    private let database: any Database
    private let events: ProviderEventService
    private let audit: AuditService

    init(database: any Database, events: ProviderEventService, audit: AuditService) {
        self.database = database
        self.events = events
        self.audit = audit
    }

    func list(_ state: ProviderEvent.State?, limit: Int, offset: Int) async throws(Problem) -> Page<ProviderEventView> {
        let (rows, total) = try await database.read { try $0.providerEvents(in: state, limit: limit, offset: offset) }
        return Page(data: rows.map { ProviderEventView($0) }, total: total, limit: limit, offset: offset)
    }

    /// - Throws: `not-found`; `provider-event-state` unless the event is dead.
    func redrive(_ id: ID<ProviderEvent>, scope: Scope) async throws(Problem) -> ProviderEventView {
        try await database.write { [self] transaction in
            try transaction.requireCaller(scope, as: .admin)
            let event = try events.redrive(id, in: transaction)
            try audit.record(
                AuditEvent(
                    "provider-event.redriven", by: scope, subject: id.text,
                    details: ["event": event.eventID, "type": event.type]), in: transaction)
            return ProviderEventView(event)
        }
    }
}
