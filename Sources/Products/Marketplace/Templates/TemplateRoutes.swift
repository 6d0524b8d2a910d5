import Identity
import Modules

/// The endpoints of templates beside the generic ones.
struct TemplateRoutes: Sendable {
    let templates: TemplateService
    let resources: ResourceService
    let member: Member

    /// Times used × average rating; templates without a rating count as if they had the middle one.
    private static let popularity: SQL = """
        (times_used * (CASE WHEN rating_count = 0 THEN 3.0 ELSE rating_sum * 1.0 / rating_count END)) DESC, id DESC
        """

    var routes: [Route] {
        [
            .get(
                "templates/popular", "List templates by times used × rating", requires: member,
                .query("limit", 1...100, default: 10)
            ) { [resources] scope, limit in
                try await resources.list(
                    EventTemplates.self, scope: scope, orderedBy: Self.popularity, limit: limit, offset: 0)
            }.alias("/api/templates/popular"),
            .get(
                "templates/by-type/{type}", "List the templates of a type of event by times used × rating",
                requires: member, .path("type"), .query("limit", 1...100, default: 50)
            ) { [resources] scope, type, limit in
                guard let field = EventTemplates.field("event_type") else { throw Problem(.internalError) }
                return try await resources.list(
                    EventTemplates.self, scope: scope, filters: [(field, .text(type))], orderedBy: Self.popularity,
                    limit: limit, offset: 0)
            },
            .post(
                "templates/customize", "Create an event from a template", requires: member,
                problems: [.notFound, .tooMany]
            ) { [templates] (body: TemplateCustomization, scope) in
                try await templates.customize(body, scope: scope)
            }.alias("/api/templates/customize"),
        ]
    }
}
