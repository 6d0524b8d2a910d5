import Modules

/// A page of venues.
struct VenueListing: Payload {
    var success: Bool
    var data: [ResourceView<Venues>]
    /// Of all pages.
    var count: Int64
    /// As `count`.
    var total: Int64
    var limit: Int
    var offset: Int

    var listTotal: Int64? { total }
}

/// A page of the catalogue with offers of approved providers.
struct ServiceListing: Payload {
    var success: Bool
    var data: [ListedService]
    /// Of all pages.
    var count: Int64
    /// As `count`.
    var total: Int64
    var limit: Int
    var offset: Int

    var listTotal: Int64? { total }
}

/// A service of the catalogue.
struct ListedService: Payload {
    var id: ID<MarketplaceService>
    var name: String
    var category: String
    var description: String?
    var isOwn: Bool
    var createdAt: Instant
    var updatedAt: Instant
    /// At most ``ListingService/offersMax``, the best rated first.
    var providers: [ServiceOffer]
}

/// What an approved provider offers.
struct ServiceOffer: Payload {
    var providerId: ID<ServiceProvider>
    var businessName: String
    var locationCity: String
    var price: DecimalNumber
    var priceMinor: Int64
    var priceUnit: String
    var currency: String
    var avgRating: DecimalNumber
    var ratingCount: Int64
}
