import Identity
import Mail
import Modules

/// The e-mails about bookings, in the transaction that causes them. They have no text that another person has typed,
/// except the names of businesses, which administrators have approved. What an organizer causes, and can repeat, tells a
/// vendor a bounded number of times a day; the vendor sees all bookings in its list.
struct BookingNotices: Sendable {
    let mailer: Mailer

    /// Asks the owners of a vendor for their answer.
    func requested(_ booking: NewServiceBooking, of vendor: Vendor, in transaction: Transaction) throws {
        let values = [
            "business": vendor.name, "date": Self.date(booking.event), "guests": "\(booking.event.guestCount)",
            "amount": "\(booking.price)",
        ]
        guard
            try mayNotify(
                vendor.organisation, of: booking.event.organisation, by: booking.person, in: transaction)
        else { return }
        try mailer.send("booking-requested", toOwnersOf: vendor.organisation, values, in: transaction)
    }

    func answered(
        _ booking: ServiceBooking, of event: MarketplaceEvent, accepted: Bool, in transaction: Transaction
    ) throws {
        let values = ["answer": accepted ? "accepted" : "declined"]
        try send("booking-answered", to: event.organisation, values, about: booking, event, in: transaction)
    }

    /// Tells the vendor that a booking was cancelled.
    func cancelled(_ booking: ServiceBooking, of event: MarketplaceEvent, in transaction: Transaction) throws {
        guard
            try mayNotify(booking.vendorOrganisation, of: booking.organisation, by: booking.person, in: transaction)
        else { return }
        try send("booking-cancelled", to: booking.vendorOrganisation, [:], about: booking, event, in: transaction)
    }

    func completed(_ booking: ServiceBooking, of event: MarketplaceEvent, in transaction: Transaction) throws {
        try send("service-completed", to: event.organisation, [:], about: booking, event, in: transaction)
    }

    func disputed(_ booking: ServiceBooking, of event: MarketplaceEvent, in transaction: Transaction) throws {
        try send("service-disputed", to: booking.vendorOrganisation, [:], about: booking, event, in: transaction)
    }

    /// Tells the owners of a vendor what an administrator has decided.
    func decided(_ vendor: Vendor, note: String?, in transaction: Transaction) throws {
        let values = [
            "business": vendor.name, "note": note ?? "",
            "decision": vendor.status.rawValue.replacing("_", with: " "),
        ]
        try mailer.send("vendor-decided", toOwnersOf: vendor.organisation, values, in: transaction)
    }

    /// Sends an e-mail about a booking, with the names of its vendor and its date.
    func send(
        _ template: String, to organisation: ID<Organisation>, _ values: [String: String],
        about booking: ServiceBooking, _ event: MarketplaceEvent, in transaction: Transaction
    ) throws {
        let own = ["business": try transaction.vendor(booking.vendor)?.name ?? "", "date": Self.date(event)]
        try mailer.send(template, toOwnersOf: organisation, own.merging(values) { $1 }, in: transaction)
    }

    /// Whether a vendor is told of a booking: the person who has made it has a verified address, or is erased, and the
    /// organizer has not made or cancelled too many bookings today. The booking is written before.
    private func mayNotify(
        _ vendor: ID<Organisation>, of organizer: ID<Organisation>, by person: ID<Person>, in transaction: Transaction
    ) throws -> Bool {
        guard try Contact.of(person, in: transaction)?.isEmailVerified != false else { return false }
        let changed = try transaction.countChangedBookings(
            of: organizer, with: vendor, since: transaction.now - .days(1))
        return changed.withVendor <= MarketplaceLimits.noticesPerVendorAndDay
            && changed.total <= MarketplaceLimits.noticesPerOrganizerAndDay
    }

    private static func date(_ event: MarketplaceEvent) -> String { event.date?.text ?? "a date to be agreed" }
}
