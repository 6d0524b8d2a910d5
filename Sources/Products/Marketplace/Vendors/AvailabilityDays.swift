import Identity
import Modules

/// What vendors say of their dates: whether they are available, and how many events they serve at once.
enum AvailabilityDays: Resource {
    typealias Subject = Availability

    static let name = "availability"
    static let article = "the availability at a date"
    static let table: SQL = "marketplace_availability"
    static let creators: [Role] = [.venueOwner, .serviceProvider]
    static let fields: [ResourceField] = [
        .atCreation("entity_type", .choice(["venue", "provider"]), .filtered),
        .atCreation("entity_id", .id, .filtered),
        .atCreation("date", .date, [.filtered, .sorted]),
        .optional("is_available", .boolean, .filtered, default: true),
        .optional("slots", .integer(0...1_000), default: 1),
        .server("booked", .integer(0...1_000), .own),
    ]

    static func isPublic(for scope: Scope) -> SQL { "1 = 1" }

    static func check(new row: inout ResourceDraft, by scope: Scope, in transaction: Transaction) throws {
        let vendor: Vendor? =
            switch row.text("entity_type") {
            case "venue": try row.id("entity_id").flatMap { try transaction.venue($0) }
            default: try row.id("entity_id").flatMap { try transaction.provider($0) }
            }
        guard let vendor else { throw Problem.invalid("/entity_id", "names no such business") }
        guard vendor.organisation == scope.organisation else { throw Problem(.notTheOwner) }
    }

    static func check(
        _ changes: inout ResourceDraft, of row: ResourceRow<Self>, by scope: Scope, in transaction: Transaction
    ) throws {
        let booked: Int64 = try row.row["booked"]
        if let slots = changes.integer("slots"), slots < booked {
            throw Problem(.inUse, detail: "\(booked) bookings of this date exist.")
        }
    }

    static func checkDeletion(of row: ResourceRow<Self>, by scope: Scope, in transaction: Transaction) throws {
        let booked: Int64 = try row.row["booked"]
        guard booked == 0 else { throw Problem(.inUse, detail: "\(booked) bookings of this date exist.") }
    }

    static var problems: [Problem.Kind] { [.notTheOwner] }
}
