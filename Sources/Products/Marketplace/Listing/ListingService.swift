import Identity
import Modules

/// Lists venues and services for organizers: those that administrators have approved, and the caller's own.
final class ListingService: Sendable {
    private let database: any Database

    init(database: any Database) { self.database = database }

    static let offersMax = 20

    func venues(_ search: VenueSearch, _ page: ListingPage.Proof, scope: Scope) async throws(Problem) -> VenueListing {
        let visible: SQL =
            if page.isOwn { "organisation_id = \(scope.organisation)" } else if scope.role == .admin { "1 = 1" } else {
                "(status = 'approved' OR organisation_id = \(scope.organisation))"
            }
        return try await database.read { transaction in
            let (rows, total) = try transaction.page(
                of: Venues.self, where: visible + " AND " + search.condition, orderedBy: page.sort ?? search.order,
                limit: page.limit, offset: page.offset)
            let data = try rows.map {
                try ResourceView($0, isOwn: $0.organisation == scope.organisation || scope.role == .admin)
            }
            return VenueListing(
                success: true, data: data, count: total, total: total, limit: page.limit, offset: page.offset)
        }
    }

    func services(
        _ search: ServiceSearch, _ page: ListingPage.Proof, scope: Scope
    ) async throws(Problem) -> ServiceListing {
        var condition = search.condition
        if page.isOwn { condition = condition + " AND organisation_id = \(scope.organisation)" }
        if search.offers != nil {
            condition = condition + " AND id IN (" + Self.offers("offers.service_id", search) + ")"
        }
        let found = condition
        return try await database.read { transaction in
            let (rows, total) = try transaction.page(
                of: Services.self, where: found, orderedBy: page.sort ?? "created_at DESC, id DESC",
                limit: page.limit, offset: page.offset)
            let data = try rows.map { row in
                ListedService(
                    id: row.id, name: try row.row["name"], category: try row.row["category"],
                    description: try row.row["description"], isOwn: row.organisation == scope.organisation,
                    createdAt: try row.row["created_at"], updatedAt: try row.row["updated_at"],
                    providers: try transaction.offers(of: row.id, search))
            }
            return ServiceListing(
                success: true, data: data, count: total, total: total, limit: page.limit, offset: page.offset)
        }
    }

    /// The offers of approved providers that a search wants.
    static func offers(_ columns: SQL, _ search: ServiceSearch) -> SQL {
        """
        SELECT \(columns) FROM marketplace_provider_services AS offers
            JOIN marketplace_providers AS providers ON providers.id = offers.provider_id
        WHERE providers.status = 'approved' AND \(search.offers ?? "1 = 1")
        """
    }
}

extension Transaction {
    fileprivate func offers(of service: ID<MarketplaceService>, _ search: ServiceSearch) throws -> [ServiceOffer] {
        let columns: SQL = """
            offers.price_minor, offers.price_unit, offers.currency, providers.id, providers.business_name,
            providers.location_city, providers.rating_sum, providers.rating_count
            """
        return try all(
            """
            \(ListingService.offers(columns, search)) AND offers.service_id = \(service)
            ORDER BY \(Rating.average) DESC, providers.id LIMIT \(ListingService.offersMax)
            """
        ) { row in
            let price = Money(try row["price_minor"], try row.currency("currency"))
            let (sum, count): (Int64, Int64) = (try row["rating_sum"], try row["rating_count"])
            return ServiceOffer(
                providerId: try row["id"], businessName: try row["business_name"],
                locationCity: try row["location_city"], price: price.major, priceMinor: price.minorUnits,
                priceUnit: try row["price_unit"], currency: price.currency.code,
                avgRating: Rating.rounded(sum: sum, count: count), ratingCount: count)
        }
    }
}
