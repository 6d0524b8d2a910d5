import Identity
import Modules

/// The dispute of an organizer about a completed service. An administrator resolves it.
///
/// | state | event | next |
/// |---|---|---|
/// | – | the organizer opens it | open |
/// | open | an administrator looks at it | under_review |
/// | open, under_review | an administrator resolves it | resolved |
struct MarketplaceDispute: Sendable {
    enum Status: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        case open
        case underReview = "under_review"
        case resolved
    }

    let id: ID<MarketplaceDispute>
    /// Of the organizer.
    let organisation: ID<Organisation>
    let person: ID<Person>
    let booking: ID<ServiceBooking>
    let vendorOrganisation: ID<Organisation>
    let reason: String
    private(set) var status: Status
    private(set) var resolution: String?
    /// Whether the vendor is paid; nil before it is resolved.
    private(set) var releasesFunds: Bool?
    private(set) var resolvedBy: ID<Person>?
    private(set) var resolvedAt: Instant?
    let createdAt: Instant

    init(row: Row) throws {
        id = try row["id"]
        organisation = try row["organisation_id"]
        person = try row["person_id"]
        booking = try row["event_service_id"]
        vendorOrganisation = try row["vendor_organisation_id"]
        reason = try row["reason"]
        status = try row["status"]
        resolution = try row["resolution"]
        releasesFunds = try row["releases_funds"]
        resolvedBy = try row["resolved_by"]
        resolvedAt = try row["resolved_at"]
        createdAt = try row["created_at"]
    }

    /// - Throws: `service-state` for a dispute that is resolved.
    mutating func review() throws(Problem) {
        try requireUnresolved()
        status = .underReview
    }

    /// - Parameter releasesFunds: whether the vendor is paid, or the money is returned to the organizer.
    /// - Throws: `service-state` for a dispute that is resolved.
    mutating func resolve(_ resolution: String, releasesFunds: Bool, by person: ID<Person>, at now: Instant)
        throws(Problem)
    {
        try requireUnresolved()
        status = .resolved
        self.resolution = resolution
        self.releasesFunds = releasesFunds
        resolvedBy = person
        resolvedAt = now
    }

    private func requireUnresolved() throws(Problem) {
        guard status != .resolved else {
            throw Problem(.serviceState, detail: "The dispute is resolved.", members: ["dispute_status": "resolved"])
        }
    }
}
