import Identity
import Modules

/// Service providers: one of each organisation. Where its money is paid to is never shown.
enum ServiceProviders: Resource {
    typealias Subject = ServiceProvider

    static let name = "service-providers"
    static let article = "a service provider"
    static let table: SQL = "marketplace_providers"
    static let creators: [Role] = [.serviceProvider]
    static let fields: [ResourceField] = [
        .required("business_name", .text(1...200), [.searched, .sorted]),
        .optional("description", .text(0...5_000), .searched),
        .required("location_city", .text(1...100), [.filtered, .searched, .sorted]),
        .optional("service_area", .texts(count: 50, length: 100), .searched, default: []),
        .optional("pricing", .json),
        .optional("photos", .webAddresses(count: 30), default: []),
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
        try transaction.requireUnbooked(.provider(row.id))
    }
}
