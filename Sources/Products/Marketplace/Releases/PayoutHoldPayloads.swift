import Modules

/// The body of `POST /v1/admin/bookings/{event_id}/hold-payouts`.
struct PayoutHoldRequest: Payload {
    var reason: String?

    static let rules: [String: Rule] = ["reason": .length(1...2_000)]
}

/// The services whose state has changed.
struct PayoutHolds: Payload {
    var success: Bool
    var eventId: ID<MarketplaceEvent>
    var eventServiceIds: [ID<ServiceBooking>]
}
