import Identity
import Modules

/// The catalogue of services. Providers add to it, and every name exists once.
enum Services: Resource {
    typealias Subject = MarketplaceService

    static let name = "services"
    static let article = "a service"
    static let table: SQL = "marketplace_services"
    static let creators: [Role] = [.serviceProvider]
    static let fields: [ResourceField] = [
        .required("name", .text(1...100), [.filtered, .searched, .sorted]),
        .required("category", .text(1...60), [.filtered, .searched, .sorted]),
        .optional("description", .text(0...2_000), .searched),
    ]

    static func isPublic(for scope: Scope) -> SQL { "1 = 1" }

    static func check(new row: inout ResourceDraft, by scope: Scope, in transaction: Transaction) throws {
        try setKey(of: &row)
    }

    static func check(
        _ changes: inout ResourceDraft, of row: ResourceRow<Self>, by scope: Scope, in transaction: Transaction
    ) throws {
        try setKey(of: &changes)
        guard let key = changes.text("name_key") else { return }
        let other = try transaction.first(
            "SELECT id FROM marketplace_services WHERE name_key = \(key) AND id <> \(row.id)")
        guard other == nil else { throw Problem(.alreadyExists) }
    }

    static func checkDeletion(of row: ResourceRow<Self>, by scope: Scope, in transaction: Transaction) throws {
        let use = try transaction.first(
            """
            SELECT id FROM marketplace_provider_services WHERE service_id = \(row.id)
            UNION ALL SELECT id FROM marketplace_event_services WHERE service_id = \(row.id) LIMIT 1
            """
        )
        guard use == nil else { throw Problem(.inUse, detail: "Providers offer this service.") }
    }

    /// Names are compared without case and without blanks around and between words.
    private static func setKey(of draft: inout ResourceDraft) throws {
        guard let name = draft.text("name") else { return }
        let key = name.lowercased().split(whereSeparator: \.isWhitespace).joined(separator: " ")
        guard !key.isEmpty else { throw Problem.invalid("/name", "must not be blank") }
        draft.set("name_key", key)
    }
}
