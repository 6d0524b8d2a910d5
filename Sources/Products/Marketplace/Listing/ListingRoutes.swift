import Identity
import Modules

/// The lists of venues and of services, with the filters of the marketplace and those of the generic endpoints.
struct ListingRoutes: Sendable {
    let listing: ListingService
    let member: Member

    var routes: [Route] {
        [
            .get(
                "marketplace/venues", "List approved venues and your own", requires: member.allowing(.marketplace),
                VenueSearchQuery(), ListingPage(sorted: ["name", "city", "capacity", "price", "avg_rating"])
            ) { [listing] scope, search, page in
                try await listing.venues(search, page, scope: scope)
            }.alias("/api/venues"),
            .get(
                "marketplace/services", "List services with the offers of approved providers",
                requires: member.allowing(.marketplace), ServiceSearchQuery(),
                ListingPage(sorted: ["name", "category"])
            ) { [listing] scope, search, page in
                try await listing.services(search, page, scope: scope)
            }.alias("/api/services"),
        ]
    }
}
