import Identity
import Modules

struct DisputeOpened: Payload {
    var success: Bool
    var disputeId: ID<MarketplaceDispute>
    var eventServiceId: ID<ServiceBooking>
    var status: EventServiceStatus
}

/// A dispute for administrators.
struct DisputeView: Payload {
    var id: ID<MarketplaceDispute>
    var eventServiceId: ID<ServiceBooking>
    var eventId: ID<MarketplaceEvent>
    var serviceStatus: EventServiceStatus
    var organizerOrganisationId: ID<Organisation>
    var vendorOrganisationId: ID<Organisation>
    var openedBy: ID<Person>
    var reason: String
    var status: MarketplaceDispute.Status
    var resolution: String?
    /// Whether the vendor is paid; nil before it is resolved.
    var releaseFunds: Bool?
    var agreedPrice: DecimalNumber
    var agreedPriceMinor: Int64
    var currency: String
    var createdAt: Instant
    var resolvedAt: Instant?

    init(_ dispute: MarketplaceDispute, in transaction: Transaction) throws {
        guard let booking = try transaction.serviceBooking(dispute.booking) else { throw Problem(.internalError) }
        id = dispute.id
        eventServiceId = booking.id
        eventId = booking.event
        serviceStatus = booking.status
        organizerOrganisationId = dispute.organisation
        vendorOrganisationId = dispute.vendorOrganisation
        openedBy = dispute.person
        reason = dispute.reason
        status = dispute.status
        resolution = dispute.resolution
        releaseFunds = dispute.releasesFunds
        agreedPrice = booking.price.major
        agreedPriceMinor = booking.price.minorUnits
        currency = booking.price.currency.code
        createdAt = dispute.createdAt
        resolvedAt = dispute.resolvedAt
    }
}
