import Audit
import Identity
import Modules

/// Opens and lists disputes about services. Their resolution moves money: it belongs to the releases.
final class MarketplaceDisputeService: Sendable {
    private let database: any Database
    private let notices: BookingNotices
    private let audit: AuditService
    private let runtime: Runtime

    init(database: any Database, notices: BookingNotices, audit: AuditService, runtime: Runtime) {
        self.database = database
        self.notices = notices
        self.audit = audit
        self.runtime = runtime
    }

    /// The organizer disputes a completed service, which is not paid until an administrator has decided.
    /// - Throws: `not-found`, `not-the-owner`; `service-state`; `release-in-progress`.
    func open(_ id: ID<ServiceBooking>, _ request: DisputeRequest, scope: Scope) async throws(Problem)
        -> DisputeOpened
    {
        let dispute: ID<MarketplaceDispute> = runtime.id()
        return try await database.write { [notices, audit] transaction in
            var (booking, event) = try transaction.lockedServiceBooking(id, asOrganizer: scope)
            try booking.dispute()
            try transaction.update(booking)
            try transaction.insertDispute(dispute, about: booking, because: request.reason, by: scope.person)
            try notices.disputed(booking, of: event, in: transaction)
            try audit.record(
                AuditEvent(
                    "dispute.opened", by: scope, in: booking.organisation, subject: dispute.text,
                    details: ["event_service": id.text]),
                in: transaction)
            return DisputeOpened(success: true, disputeId: dispute, eventServiceId: id, status: booking.status)
        }
    }

    /// Disputes of all organisations, for administrators.
    func list(_ status: String?, limit: Int, offset: Int) async throws(Problem) -> Page<DisputeView> {
        try await database.read { transaction in
            let (disputes, total) = try transaction.disputes(status, limit: limit, offset: offset)
            return Page(
                data: try disputes.map { try DisputeView($0, in: transaction) }, total: total, limit: limit,
                offset: offset)
        }
    }

    /// - Throws: `not-found`.
    func get(_ id: ID<MarketplaceDispute>) async throws(Problem) -> DisputeView {
        let view = try await database.read { transaction in
            try transaction.dispute(id).map { try DisputeView($0, in: transaction) }
        }
        guard let view else { throw Problem(.notFound) }
        return view
    }
}
