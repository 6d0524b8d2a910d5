import Identity
import Modules

/// Venues: created by their owners, approved by administrators, seen by all once they are approved.
enum Venues: Resource {
    typealias Subject = Venue

    static let name = "venues"
    static let article = "a venue"
    static let table: SQL = "marketplace_venues"
    static let creators: [Role] = [.venueOwner]
    static let fields: [ResourceField] = [
        .required("name", .text(1...200), [.searched, .sorted]),
        .optional("description", .text(0...5_000), .searched),
        .required("city", .text(1...100), [.filtered, .searched, .sorted]),
        .optional("address", .text(0...300), .searched),
        .optional("venue_type", .text(1...60), [.filtered, .searched]),
        .required("capacity", .integer(1...MarketplaceLimits.guestsMax), [.filtered, .sorted]),
        .optional("amenities", .texts(count: 50, length: 60), .searched, default: []),
        .optional("photos", .webAddresses(count: 30), default: []),
        .optional("pricing_structure", .json),
        .required("price", .amount, .sorted),
        .optional("price_unit", .choice(VendorPrice.Unit.allCases.map(\.rawValue)), default: "event"),
        .optional("currency", .currency, .filtered, default: .string(Currency.usual.code)),
        .server("status", .choice(VendorStatus.allCases.map(\.rawValue)), .filtered),
        .server("review_note", .text(0...2_000), .own),
        .server("avg_rating", .averageRating, .sorted),
        .server("rating_count", .integer(0...Int64.max)),
    ]

    static func isPublic(for scope: Scope) -> SQL { "status = 'approved'" }

    static func check(new row: inout ResourceDraft, by scope: Scope, in transaction: Transaction) throws {
        row.set("status", VendorStatus.pending)
    }

    static func check(
        _ changes: inout ResourceDraft, of row: ResourceRow<Self>, by scope: Scope, in transaction: Transaction
    ) throws {
        try VendorChanges.check(&changes, of: row)
    }

    static func checkDeletion(of row: ResourceRow<Self>, by scope: Scope, in transaction: Transaction) throws {
        try transaction.requireUnbooked(.venue(row.id))
    }
}

/// What changes of a business by its owner cause.
enum VendorChanges {
    /// A business that administrators have sent back is pending again. Prices stay in the currency of their minor
    /// units: the price is sent with a new currency.
    static func check<R: Resource>(_ changes: inout ResourceDraft, of row: ResourceRow<R>) throws {
        try checkCurrency(&changes, of: row)
        var status: VendorStatus = try row.row["status"]
        status.change()
        changes.set("status", status)
    }

    static func checkCurrency<R: Resource>(_ changes: inout ResourceDraft, of row: ResourceRow<R>) throws {
        guard let currency = changes.text("currency"), changes.sent["price"] == nil,
            R.field("price") != nil, try row.row.currency("currency").code != currency
        else { return }
        throw Problem.invalid("/price", "is required with another currency")
    }
}
