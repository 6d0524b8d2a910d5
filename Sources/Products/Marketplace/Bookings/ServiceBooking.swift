import Identity
import Modules

/// A service of a provider, or a venue, that is booked for an event. Its transitions are those of
/// ``EventServiceStatus``.
struct ServiceBooking: Sendable {
    /// Who provides what is booked.
    enum Vendor: Sendable, Hashable {
        case venue(ID<Venue>)
        case provider(ID<ServiceProvider>)
    }

    /// The payment of a booking that is under way, or that has taken place.
    enum Release: Sendable {}

    let id: ID<ServiceBooking>
    /// Of the organizer.
    let organisation: ID<Organisation>
    /// Who has booked it.
    let person: ID<Person>
    let event: ID<MarketplaceEvent>
    let vendor: Vendor
    let vendorOrganisation: ID<Organisation>
    let service: ID<MarketplaceService>?
    /// Computed from the vendor's price when it was booked. It never changes.
    let price: Money
    /// The date whose slot it takes; nil where it takes none.
    let bookedDate: CalendarDate?
    private(set) var status: EventServiceStatus
    private(set) var heldFrom: EventServiceStatus?
    /// Set while a payment of it is under way, and afterwards.
    private(set) var release: ID<Release>?
    /// Minor units that the platform has kept of what was paid for it, when its organizer cancelled it.
    private(set) var feeMinor: Int64
    private(set) var completionPhotos: [String]
    private(set) var completionNotes: String?
    private(set) var confirmedAt: Instant?
    private(set) var completedAt: Instant?
    private(set) var approvedAt: Instant?
    private(set) var cancelledAt: Instant?

    init(row: Row) throws {
        id = try row["id"]
        organisation = try row["organisation_id"]
        person = try row["person_id"]
        event = try row["event_id"]
        if let venue: ID<Venue> = try row["venue_id"] {
            vendor = .venue(venue)
        } else {
            vendor = .provider(try row["provider_id"])
        }
        vendorOrganisation = try row["vendor_organisation_id"]
        service = try row["service_id"]
        price = Money(try row["agreed_price_minor"], try row.currency("currency"))
        bookedDate = try row["booked_date"]
        status = try row["status"]
        heldFrom = try row["held_from"]
        release = try row["release_id"]
        feeMinor = try row["fee_minor"]
        completionPhotos = try StoredJSON.texts(row["completion_photos"])
        completionNotes = try row["completion_notes"]
        confirmedAt = try row["confirmed_at"]
        completedAt = try row["completed_at"]
        approvedAt = try row["approved_at"]
        cancelledAt = try row["cancelled_at"]
    }

    /// Whether the work is done, so that its price is earned: completed, also where the payment is disputed, held or
    /// transferred.
    var isDone: Bool {
        switch status {
        case .completed, .paid, .disputed: true
        case .onHold: heldFrom == .completed
        case .pending, .confirmed, .cancelled: false
        }
    }

    // MARK: Transitions

    mutating func accept(at now: Instant) throws(Problem) {
        try require([.pending], to: "accept it")
        status = .confirmed
        confirmedAt = now
    }

    /// The vendor declines, or the organizer cancels.
    mutating func cancel(at now: Instant) throws(Problem) {
        try require([.pending, .confirmed], to: "cancel it")
        try requireNoRelease()
        status = .cancelled
        cancelledAt = now
    }

    /// - Parameter photos: addresses of at most ``photosMax`` pictures.
    mutating func complete(photos: [String], notes: String?, at now: Instant) throws(Problem) {
        try require([.pending, .confirmed], to: "complete it")
        status = .completed
        completionPhotos = photos
        completionNotes = notes
        completedAt = now
    }

    /// - Throws: `release-in-progress` once its payment has begun.
    mutating func dispute() throws(Problem) {
        try require([.completed], to: "dispute it")
        try requireNoRelease()
        status = .disputed
    }

    /// The dispute is resolved for the vendor.
    mutating func completeDisputed() throws(Problem) {
        try require([.disputed], to: "resolve its dispute")
        status = .completed
    }

    /// The dispute is resolved for the organizer.
    mutating func cancelDisputed(at now: Instant) throws(Problem) {
        try require([.disputed], to: "resolve it")
        try requireNoRelease()
        status = .cancelled
        cancelledAt = now
    }

    mutating func hold() throws(Problem) {
        try require([.pending, .completed], to: "hold it")
        try requireNoRelease()
        heldFrom = status
        status = .onHold
    }

    mutating func endHold() throws(Problem) {
        try require([.onHold], to: "end its hold")
        status = heldFrom ?? .pending
        heldFrom = nil
    }

    /// The platform keeps its commission of a booking that has ended, once.
    mutating func keepFee(_ fee: Int64) {
        precondition(status == .cancelled && feeMinor == 0, "a fee is kept once, of a cancelled booking")
        feeMinor = fee
    }

    /// The payment begins. The state changes with its end.
    /// - Throws: `service-state`; `release-in-progress`.
    mutating func beginRelease(_ release: ID<Release>) throws(Problem) {
        try require([.completed], to: "pay it")
        try requireNoRelease()
        self.release = release
    }

    /// The payment was refused, and can be tried again.
    mutating func endRefusedRelease() {
        guard status != .paid else { return }
        release = nil
    }

    /// The money was transferred.
    mutating func markPaid(at now: Instant) throws(Problem) {
        try require([.completed], to: "pay it")
        status = .paid
        approvedAt = approvedAt ?? now
    }

    /// The transfer was reversed: the service is completed, and unpaid.
    mutating func reverse() throws(Problem) {
        try require([.paid], to: "reverse its payment")
        status = .completed
        approvedAt = nil
        release = nil
    }

    static let photosMax = 20

    private func require(_ wanted: [EventServiceStatus], to verb: String) throws(Problem) {
        guard wanted.contains(status) else {
            throw Problem(
                .serviceState, detail: "The service is \(status.rawValue): you cannot \(verb).",
                members: ["service_status": .string(status.rawValue)])
        }
    }

    private func requireNoRelease() throws(Problem) {
        guard release == nil else { throw Problem(.releaseInProgress) }
    }
}
