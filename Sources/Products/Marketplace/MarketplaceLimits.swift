import Modules

/// The bounds of what organisations store.
enum MarketplaceLimits {
    /// Minor units of one amount.
    static let amountMinorMax: Int64 = 100_000_000_000
    /// Rows of one resource that one organisation has.
    static let rowsMax: Int64 = 10_000
    /// Bookings of one event.
    static let bookingsMax: Int64 = 200
    static let guestsMax: Int64 = 100_000
    /// Chat messages within 24 hours, by one person and in one conversation.
    static let messagesPerPersonAndDay: Int64 = 500
    static let messagesPerGroupAndDay: Int64 = 2_000
    /// Bookings within 24 hours, made or cancelled, that e-mails tell a vendor of: those of one organizer with one
    /// vendor, and with all vendors.
    static let noticesPerVendorAndDay: Int64 = 20
    static let noticesPerOrganizerAndDay: Int64 = 200
    /// Concurrent events of one date: of a venue, and of a provider that says nothing else.
    static let venueSlots: Int64 = 1
    static let providerSlots: Int64 = 50
    /// UTF-8 bytes of one free-form value.
    static let jsonBytesMax = 32 << 10
    static let jsonDepthMax = 12
}
