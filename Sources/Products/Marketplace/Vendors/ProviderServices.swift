import Identity
import Modules

/// What a provider offers of the catalogue, and at which price.
enum ProviderServices: Resource {
    typealias Subject = ProviderService

    static let name = "service-provider-services"
    static let article = "a service of a provider"
    static let table: SQL = "marketplace_provider_services"
    static let creators: [Role] = [.serviceProvider]
    static let fields: [ResourceField] = [
        // Of the own organisation, and therefore not needed.
        .atCreation("provider_id", .id, .filtered, isRequired: false),
        .atCreation("service_id", .id, .filtered),
        .optional("description", .text(0...2_000), .searched),
        .optional("price_range", .json),
        .required("price", .amount, .sorted),
        .optional("price_unit", .choice(VendorPrice.Unit.allCases.map(\.rawValue)), default: "event"),
        .optional("currency", .currency, .filtered, default: .string(Currency.usual.code)),
    ]

    static func isPublic(for scope: Scope) -> SQL {
        "provider_id IN (SELECT id FROM marketplace_providers WHERE status = 'approved')"
    }

    static func check(new row: inout ResourceDraft, by scope: Scope, in transaction: Transaction) throws {
        guard let own = try transaction.provider(of: scope.organisation) else {
            throw Problem(.notFound, detail: "Your organisation is no service provider yet.")
        }
        if let named: ID<ServiceProvider> = row.id("provider_id"), named != own { throw Problem(.notTheOwner) }
        row.set("provider_id", own)
        guard let service: ID<MarketplaceService> = row.id("service_id"),
            try transaction.row(service, of: Services.self) != nil
        else { throw Problem.invalid("/service_id", "names no service of the catalogue") }
    }

    static func check(
        _ changes: inout ResourceDraft, of row: ResourceRow<Self>, by scope: Scope, in transaction: Transaction
    ) throws {
        try VendorChanges.checkCurrency(&changes, of: row)
    }

    static var problems: [Problem.Kind] { [.notFound, .notTheOwner] }
}
