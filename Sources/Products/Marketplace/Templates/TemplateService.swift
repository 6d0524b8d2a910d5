import Audit
import Identity
import Modules

/// Popular templates, and events that begin with one.
final class TemplateService: Sendable {
    private let database: any Database
    private let audit: AuditService
    private let runtime: Runtime

    init(database: any Database, audit: AuditService, runtime: Runtime) {
        self.database = database
        self.audit = audit
        self.runtime = runtime
    }

    /// Creates an event from a template, with the client's changes to its plan.
    /// - Throws: `not-found`; `validation-failed`; `too-many`.
    func customize(_ request: TemplateCustomization, scope: Scope) async throws(Problem) -> TemplateCustomized {
        let changes = request.customizations ?? [:]
        try FreeForm.check(changes, at: "/customizations")
        guard let changed = changes.object else { throw Problem.invalid("/customizations", "must be an object") }
        var date: CalendarDate?
        if let text = request.date {
            guard let day = CalendarDate(text) else { throw Problem.invalid("/date", "must be a date") }
            date = day
        }
        let (id, day): (ID<MarketplaceEvent>, CalendarDate?) = (runtime.id(), date)
        return try await database.write { [audit] transaction in
            try transaction.requireMarketplaceCaller(scope)
            try transaction.requireRoom(for: Events.self, of: scope.organisation)
            try transaction.use(request.templateId, by: scope)
            guard let row = try transaction.row(request.templateId, of: EventTemplates.self) else {
                throw Problem(.notFound)
            }
            let base = try StoredJSON.value(row.row["template_data"])
            let plan = JSONValue.object((base.object ?? ["plan": base]).merging(changed) { $1 })
            try FreeForm.check(plan, at: "/customizations", bytesMax: 2 * MarketplaceLimits.jsonBytesMax)
            try transaction.insert(
                NewEvent(
                    id: id, organisation: scope.organisation, person: scope.person, title: request.title,
                    eventType: try row.row["event_type"], date: day, guestCount: request.guestCount ?? 0,
                    budget: Money(0, .usual), template: request.templateId, plan: try StoredJSON.text(plan)))
            try audit.record(
                AuditEvent("crud_create", by: scope, subjectKind: Events.name, subject: id.text), in: transaction)
            return TemplateCustomized(success: true, eventId: id, templateId: request.templateId, plan: plan)
        }
    }
}

/// The body of `POST /v1/templates/customize`.
struct TemplateCustomization: Payload {
    var templateId: ID<EventTemplate>
    /// Members that replace those of the template's plan.
    var customizations: JSONValue?
    var title: String?
    var date: String?
    var guestCount: Int64?

    static let rules: [String: Rule] = [
        "title": .length(1...200), "date": .length(10...10), "guest_count": .range(0...MarketplaceLimits.guestsMax),
    ]
}

struct TemplateCustomized: Payload {
    var success: Bool
    var eventId: ID<MarketplaceEvent>
    var templateId: ID<EventTemplate>
    var plan: JSONValue
}
