import Audit
import Billing
import Identity
import Modules

/// The decisions of administrators about vendors. An administrator decides about no business of an organisation that
/// they belong to.
final class VendorReviewService: Sendable {
    private let database: any Database
    private let payouts: PayoutService
    private let notices: BookingNotices
    private let audit: AuditService

    init(database: any Database, payouts: PayoutService, notices: BookingNotices, audit: AuditService) {
        self.database = database
        self.payouts = payouts
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

    /// Suspending a vendor holds its payouts that are not sent yet; its next approval ends these holds.
    /// - Throws: `not-found`; `own-vendor`; `vendor-state` for a decision that changes nothing.
    func decide(_ decision: VendorStatus.Decision, about id: ID<Vendor>, note: String?, scope: Scope)
        async throws(Problem) -> VendorDecided
    {
        try await database.write { [self] transaction in
            try transaction.requireCaller(scope, as: .admin)
            guard let found = try transaction.vendor(id) else { throw Problem(.notFound) }
            guard try transaction.mayDecide(scope, about: found) else { throw Problem(.ownVendor) }
            // Events and payouts are locked before vendors. A release that begins meanwhile is held when it is sent.
            let changed = try apply(decision, toPayoutsOf: found, by: scope, in: transaction)
            guard var vendor = try transaction.vendor(found.id, isLocked: true) else { throw Problem(.notFound) }
            let before = vendor.status
            try vendor.status.decide(decision)
            try transaction.update(vendor, note: note)
            try notices.decided(vendor, note: note, in: transaction)
            try audit.record(
                AuditEvent(
                    "vendor.\(vendor.status.rawValue)", by: scope, in: vendor.organisation, subject: id.text,
                    target: vendor.person,
                    details: ["before": before.rawValue, "kind": vendor.id.kind, "payouts": "\(changed)"]),
                in: transaction)
            return VendorDecided(success: true, id: id, vendorType: vendor.id.kind, status: vendor.status)
        }
    }

    /// Holds the payouts of a vendor that are not sent yet, or ends these holds.
    /// - Returns: the number of payouts that have changed.
    private func apply(
        _ decision: VendorStatus.Decision, toPayoutsOf vendor: Vendor, by scope: Scope, in transaction: Transaction
    ) throws -> Int {
        guard decision != .needsChanges else { return 0 }
        var changed = 0
        for id in try transaction.bookingsBeingPaid(of: vendor) {
            guard let release = try transaction.lockedServiceBooking(id)?.booking.release,
                let payout = try payouts.payout(ID(trusted: release.text), in: transaction)
            else { continue }
            if decision == .approve {
                if try payouts.endHold(payout.id, for: .vendor, by: scope, in: transaction) { changed += 1 }
            } else if payout.state == .reserved {
                let reason = Problem.Kind.payoutsDisabled.title
                try payouts.hold(payout.id, for: .vendor, reason: reason, by: scope, in: transaction)
                changed += 1
            }
        }
        return changed
    }
}

extension Transaction {
    /// A venue or a provider.
    func vendor(_ id: ID<Vendor>) throws -> Vendor? {
        try venue(ID(trusted: id.text)) ?? provider(ID(trusted: id.text))
    }

    /// Whether the administrator is neither the creator of a vendor nor a member of its organisation.
    func mayDecide(_ scope: Scope, about vendor: Vendor) throws -> Bool {
        guard vendor.person != scope.person else { return false }
        return try !isMember(scope, of: vendor.organisation)
    }

    /// Whether the caller acts for an organisation, or belongs to it beside the one that the caller acts for.
    func isMember(_ scope: Scope, of organisation: ID<Organisation>) throws -> Bool {
        guard scope.organisation != organisation else { return true }
        return try first(
            """
            SELECT role FROM memberships WHERE person_id = \(scope.person) AND organisation_id = \(organisation)
            """
        ) != nil
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
