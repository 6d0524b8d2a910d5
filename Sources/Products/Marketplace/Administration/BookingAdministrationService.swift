import Identity
import Modules

/// The bookings of all organisations, for administrators. Balances and payments belong to the finances.
final class BookingAdministrationService: Sendable {
    private let database: any Database

    init(database: any Database) { self.database = database }

    /// Events with what is booked for them, the newest first.
    func list(_ status: String?, limit: Int, offset: Int) async throws(Problem) -> Page<AdministeredBooking> {
        try await database.read { transaction in
            let condition: SQL = status.map { "status = \($0)" } ?? .always
            let events = try transaction.all(
                """
                SELECT * FROM marketplace_events WHERE \(condition)
                ORDER BY created_at DESC, id DESC LIMIT \(limit) OFFSET \(offset)
                """,
                MarketplaceEvent.init)
            let total = try transaction.count(of: "marketplace_events", where: condition)
            return Page(
                data: try events.map { AdministeredBooking($0, try transaction.serviceBookings(of: $0.id)) },
                total: total, limit: limit, offset: offset)
        }
    }

    /// - Throws: `not-found`.
    func get(_ id: ID<MarketplaceEvent>) async throws(Problem) -> AdministeredBooking {
        let booking = try await database.read { transaction in
            try transaction.event(id).map { AdministeredBooking($0, try transaction.serviceBookings(of: id)) }
        }
        guard let booking else { throw Problem(.notFound) }
        return booking
    }
}

/// An event with its bookings, for administrators.
struct AdministeredBooking: Payload {
    struct AdministeredService: Codable, Sendable {
        var eventServiceId: ID<ServiceBooking>
        var vendorType: String
        var vendorId: String
        var vendorOrganisationId: ID<Organisation>
        var status: EventServiceStatus
        var agreedPrice: DecimalNumber
        var agreedPriceMinor: Int64
        var currency: String
        var completedAt: Instant?
        var approvedAt: Instant?
    }

    var eventId: ID<MarketplaceEvent>
    var organisationId: ID<Organisation>
    var userId: ID<Person>
    var eventType: String
    var title: String?
    var date: String?
    var guestCount: Int64
    var status: EventStatus
    var total: DecimalNumber
    var totalMinor: Int64
    var currency: String
    var paidAt: Instant?
    var cancelledAt: Instant?
    var services: [AdministeredService]

    init(_ event: MarketplaceEvent, _ bookings: [ServiceBooking]) {
        eventId = event.id
        organisationId = event.organisation
        userId = event.person
        eventType = event.eventType
        title = event.title
        date = event.date?.text
        guestCount = event.guestCount
        status = event.status
        total = event.total.major
        totalMinor = event.totalMinor
        currency = event.currency.code
        paidAt = event.paidAt
        cancelledAt = event.cancelledAt
        services = bookings.map { booking in
            AdministeredService(
                eventServiceId: booking.id, vendorType: booking.vendor.kind, vendorId: booking.vendor.text,
                vendorOrganisationId: booking.vendorOrganisation, status: booking.status,
                agreedPrice: booking.price.major, agreedPriceMinor: booking.price.minorUnits,
                currency: booking.price.currency.code, completedAt: booking.completedAt,
                approvedAt: booking.approvedAt)
        }
    }
}
