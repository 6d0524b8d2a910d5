import Audit
import Identity
import Modules

/// The decisions of administrators about vendors. An administrator decides about no business of an organisation that
/// they belong to.
final class VendorReviewService: Sendable {
    private let database: any Database
    private let notices: BookingNotices
    private let audit: AuditService

    init(database: any Database, notices: BookingNotices, audit: AuditService) {
        self.database = database
        self.notices = notices
        self.audit = audit
    }

    /// Venues and service providers, the newest first.
    func list(_ search: VendorSearch) async throws(Problem) -> Page<VendorView> {
        try await database.read { transaction in
            let (rows, total) = try transaction.vendors(search)
            return Page(data: rows, total: total, limit: search.limit, offset: search.offset)
        }
    }

    /// - Throws: `not-found`.
    func get(_ id: ID<Vendor>) async throws(Problem) -> VendorView {
        let view = try await database.read { try $0.vendorView(id) }
        guard let view else { throw Problem(.notFound) }
        return view
    }

    /// - Throws: `not-found`; `own-vendor`; `vendor-state` for a decision that changes nothing.
    func decide(_ decision: VendorStatus.Decision, about id: ID<Vendor>, note: String?, scope: Scope)
        async throws(Problem) -> VendorDecided
    {
        try await database.write { [notices, audit] transaction in
            try transaction.requireCaller(scope, as: .admin)
            guard var vendor = try transaction.vendor(id) else { throw Problem(.notFound) }
            guard try transaction.mayDecide(scope, about: vendor) else { throw Problem(.ownVendor) }
            let before = vendor.status
            try vendor.status.decide(decision)
            try transaction.update(vendor, note: note)
            try notices.decided(vendor, note: note, in: transaction)
            try audit.record(
                AuditEvent(
                    "vendor.\(vendor.status.rawValue)", by: scope, in: vendor.organisation, subject: id.text,
                    target: vendor.person, details: ["before": before.rawValue, "kind": vendor.id.kind]),
                in: transaction)
            return VendorDecided(success: true, id: id, vendorType: vendor.id.kind, status: vendor.status)
        }
    }
}

extension Transaction {
    /// A venue or a provider, locked until the transaction ends.
    func vendor(_ id: ID<Vendor>) throws -> Vendor? {
        try venue(ID(trusted: id.text), isLocked: true) ?? provider(ID(trusted: id.text), isLocked: true)
    }

    /// Whether the administrator is neither the creator of a vendor nor a member of its organisation.
    func mayDecide(_ scope: Scope, about vendor: Vendor) throws -> Bool {
        guard vendor.person != scope.person, vendor.organisation != scope.organisation else { return false }
        let membership = try first(
            """
            SELECT role FROM memberships
            WHERE person_id = \(scope.person) AND organisation_id = \(vendor.organisation)
            """
        )
        return membership == nil
    }

    private static let vendorColumns: SQL = """
        SELECT id, 'venue' AS kind, organisation_id, person_id, name, city, status, review_note, rating_sum,
               rating_count, created_at, updated_at FROM marketplace_venues
        UNION ALL
        SELECT id, 'provider' AS kind, organisation_id, person_id, business_name AS name, location_city AS city,
               status, review_note, rating_sum, rating_count, created_at, updated_at FROM marketplace_providers
        """

    func vendors(_ search: VendorSearch) throws -> (rows: [VendorView], total: Int64) {
        var condition: SQL = "1 = 1"
        if let kind = search.kind { condition = condition + " AND kind = \(kind)" }
        if let status = search.status { condition = condition + " AND status = \(status)" }
        let rows = try all(
            """
            SELECT * FROM (\(Self.vendorColumns)) AS vendors WHERE \(condition)
            ORDER BY created_at DESC, id DESC LIMIT \(search.limit) OFFSET \(search.offset)
            """,
            VendorView.init)
        return (
            rows, try count("SELECT COUNT(*) AS count FROM (\(Self.vendorColumns)) AS vendors WHERE \(condition)")
        )
    }

    func vendorView(_ id: ID<Vendor>) throws -> VendorView? {
        try first("SELECT * FROM (\(Self.vendorColumns)) AS vendors WHERE id = \(id)", VendorView.init)
    }
}
