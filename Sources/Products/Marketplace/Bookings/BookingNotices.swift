import Identity
import Mail
import Modules

/// The e-mails about bookings, in the transaction that causes them. They have no text that another person has typed,
/// except the names of businesses, which administrators have approved.
struct BookingNotices: Sendable {
    let mailer: Mailer

    /// Asks the owners of a vendor for their answer.
    func requested(_ booking: NewServiceBooking, of vendor: Vendor, in transaction: Transaction) throws {
        let values = [
            "business": vendor.name, "date": Self.date(booking.event), "guests": "\(booking.event.guestCount)",
            "amount": "\(booking.price)",
        ]
        try send("booking-requested", to: vendor.organisation, values, in: transaction)
    }

    func answered(
        _ booking: ServiceBooking, of event: MarketplaceEvent, accepted: Bool, in transaction: Transaction
    ) throws {
        let values = ["answer": accepted ? "accepted" : "declined"]
        try send("booking-answered", to: event.organisation, values, about: booking, event, in: transaction)
    }

    /// Tells the vendor that a booking was cancelled.
    func cancelled(_ booking: ServiceBooking, of event: MarketplaceEvent, in transaction: Transaction) throws {
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
        try send("vendor-decided", to: vendor.organisation, values, in: transaction)
    }

    /// Sends an e-mail about a booking, with the names of its vendor and its date.
    func send(
        _ template: String, to organisation: ID<Organisation>, _ values: [String: String],
        about booking: ServiceBooking, _ event: MarketplaceEvent, in transaction: Transaction
    ) throws {
        let own = ["business": try transaction.vendor(booking.vendor)?.name ?? "", "date": Self.date(event)]
        try send(template, to: organisation, own.merging(values) { $1 }, in: transaction)
    }

    /// Sends to the owners of an organisation whose addresses are verified.
    private func send(
        _ template: String, to organisation: ID<Organisation>, _ values: [String: String], in transaction: Transaction
    ) throws {
        for owner in try Contact.owners(of: organisation, in: transaction) where owner.isEmailVerified {
            let all = values.merging(["name": owner.name]) { $1 }
            try mailer.send(Email(template, to: owner.email, values: all), in: transaction)
        }
    }

    private static func date(_ event: MarketplaceEvent) -> String { event.date?.text ?? "a date to be agreed" }
}
