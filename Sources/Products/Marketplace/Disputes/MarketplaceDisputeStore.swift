import Identity
import Modules

/// The SQL of disputes.
extension Transaction {
    func insertDispute(
        _ id: ID<MarketplaceDispute>, about booking: ServiceBooking, because reason: String, by person: ID<Person>
    ) throws {
        try execute(
            """
            INSERT INTO marketplace_disputes (
                id, organisation_id, person_id, event_service_id, vendor_organisation_id, reason, status, created_at,
                updated_at)
            VALUES (\(id), \(booking.organisation), \(person), \(booking.id), \(booking.vendorOrganisation),
                    \(reason), \(MarketplaceDispute.Status.open), \(now), \(now))
            """
        )
    }

    /// - Parameter isLocked: until the transaction ends.
    func dispute(_ id: ID<MarketplaceDispute>, isLocked: Bool = false) throws -> MarketplaceDispute? {
        let lock: SQL = isLocked ? "\(.forUpdate)" : ""
        return try first("SELECT * FROM marketplace_disputes WHERE id = \(id) \(lock)", MarketplaceDispute.init)
    }

    /// The dispute of a booking that is not resolved.
    func openDispute(of booking: ID<ServiceBooking>) throws -> MarketplaceDispute? {
        try first(
            "SELECT * FROM marketplace_disputes WHERE event_service_id = \(booking) AND status <> 'resolved'",
            MarketplaceDispute.init)
    }

    /// Writes a transition of a dispute that this transaction has locked.
    func update(_ dispute: MarketplaceDispute) throws {
        try execute(
            """
            UPDATE marketplace_disputes
            SET status = \(dispute.status), resolution = \(dispute.resolution),
                releases_funds = \(dispute.releasesFunds), resolved_by = \(dispute.resolvedBy),
                resolved_at = \(dispute.resolvedAt), updated_at = \(now)
            WHERE id = \(dispute.id) AND organisation_id = \(dispute.organisation)
            """
        )
    }

    /// Disputes of all organisations, the newest first, and their number.
    func disputes(
        _ status: String?, limit: Int, offset: Int
    ) throws -> (disputes: [MarketplaceDispute], total: Int64) {
        let condition: SQL = status.map { "status = \($0)" } ?? .always
        let disputes = try all(
            """
            SELECT * FROM marketplace_disputes WHERE \(condition)
            ORDER BY created_at DESC, id DESC LIMIT \(limit) OFFSET \(offset)
            """,
            MarketplaceDispute.init)
        return (disputes, try count(of: "marketplace_disputes", where: condition))
    }
}
