import Identity
import Modules

/// The review of a vendor, or of a template, by the organizer of an event.
enum Review: Sendable {}

/// Reviews: one by each person of each vendor of an event, once the event's day has come, the vendor has done its work
/// and the work was paid for. A business is not reviewed by members of its organisation. Ratings are summed in the rows
/// of the reviewed, in the transaction of the review.
enum Reviews: Resource {
    typealias Subject = Review

    static let name = "reviews"
    static let article = "a review"
    static let table: SQL = "marketplace_reviews"
    static let fields: [ResourceField] = [
        .atCreation("event_id", .id, .own),
        .atCreation("reviewee_type", .choice(["venue", "provider", "template"]), .filtered),
        .atCreation("reviewee_id", .id, .filtered),
        .required("rating", .integer(1...5), [.filtered, .sorted]),
        .optional("comment", .text(0...2_000), .searched),
    ]

    static func isPublic(for scope: Scope) -> SQL { "1 = 1" }

    static func check(new row: inout ResourceDraft, by scope: Scope, in transaction: Transaction) throws {
        guard let id: ID<MarketplaceEvent> = row.id("event_id"),
            let event = try transaction.event(id, of: scope.organisation)
        else { throw Problem.invalid("/event_id", "names no event of your organisation") }
        guard let kind = row.text("reviewee_type"), let reviewee = row.text("reviewee_id"),
            let rating = row.integer("rating")
        else { throw Problem.invalid("/reviewee_id", "is required") }
        guard try mayReview(reviewee, kind, event, by: scope, in: transaction) else {
            throw Problem(
                .eventState, detail: "The event has no completed and paid service of this business to review.")
        }
        let earlier = try transaction.first(
            """
            SELECT id FROM marketplace_reviews
            WHERE event_id = \(id) AND person_id = \(scope.person) AND reviewee_id = \(reviewee)
            """
        )
        guard earlier == nil else { throw Problem(.alreadyExists, detail: "You have reviewed this already.") }
        try transaction.addRating(rating, count: 1, to: reviewee, kind)
    }

    static func check(
        _ changes: inout ResourceDraft, of row: ResourceRow<Self>, by scope: Scope, in transaction: Transaction
    ) throws {
        guard let rating = changes.integer("rating") else { return }
        let before: Int64 = try row.row["rating"]
        try transaction.addRating(rating - before, count: 0, to: row.row["reviewee_id"], row.row["reviewee_type"])
    }

    static func checkDeletion(of row: ResourceRow<Self>, by scope: Scope, in transaction: Transaction) throws {
        let rating: Int64 = try row.row["rating"]
        try transaction.addRating(-rating, count: -1, to: row.row["reviewee_id"], row.row["reviewee_type"])
    }

    private static func mayReview(
        _ reviewee: String, _ kind: String, _ event: MarketplaceEvent, by scope: Scope, in transaction: Transaction
    ) throws -> Bool {
        guard kind != "template" else {
            guard let template = event.template, template.text == reviewee, event.status == .completed,
                let row = try transaction.row(template, of: EventTemplates.self)
            else { return false }
            return try !transaction.isMember(scope, of: row.organisation)
        }
        guard event.hasTakenPlace(on: CalendarDate(transaction.now)) else { return false }
        return try transaction.serviceBookings(of: event.id).contains { booking in
            try booking.vendor.kind == kind && booking.vendor.text == reviewee
                && booking.price.minorUnits > 0
                && (booking.status == .paid || event.paidAt != nil && booking.isDone)
                && !transaction.isMember(scope, of: booking.vendorOrganisation)
        }
    }
}

extension Transaction {
    /// Adds to the ratings of a vendor or of a template.
    func addRating(_ rating: Int64, count: Int64, to reviewee: String, _ kind: String) throws {
        let table: SQL =
            switch kind {
            case "venue": "marketplace_venues"
            case "provider": "marketplace_providers"
            default: "marketplace_templates"
            }
        try execute(
            """
            UPDATE \(table) SET rating_sum = rating_sum + \(rating), rating_count = rating_count + \(count)
            WHERE id = \(reviewee)
            """
        )
    }
}
