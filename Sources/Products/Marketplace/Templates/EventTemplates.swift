import Identity
import Modules

/// Templates of events: the own ones, and those that others have made public.
enum EventTemplates: Resource {
    typealias Subject = EventTemplate

    static let name = "templates"
    static let article = "a template"
    static let table: SQL = "marketplace_templates"
    static let fields: [ResourceField] = [
        .required("name", .text(1...200), [.searched, .sorted]),
        .required("event_type", .text(1...60), [.filtered, .searched]),
        .optional("description", .text(0...2_000), .searched),
        .required("template_data", .json),
        .optional("is_public", .boolean, .filtered, default: false),
        .server("times_used", .integer(0...Int64.max), .sorted),
        .server("avg_rating", .averageRating, .sorted),
        .server("rating_count", .integer(0...Int64.max)),
    ]

    static func isPublic(for scope: Scope) -> SQL { "is_public = 1" }
}

extension Transaction {
    /// Counts a use of a template that the caller may read.
    /// - Throws: `not-found` for another one.
    func use(_ template: ID<EventTemplate>, by scope: Scope) throws {
        let used = try execute(
            """
            UPDATE marketplace_templates SET times_used = times_used + 1
            WHERE id = \(template) AND (organisation_id = \(scope.organisation) OR is_public = 1)
            """
        )
        guard used == 1 else { throw Problem(.notFound, detail: "There is no such template.") }
    }
}
