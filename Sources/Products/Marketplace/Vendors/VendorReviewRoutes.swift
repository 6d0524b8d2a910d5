import Identity
import Modules

/// The endpoints of administrators about vendors.
struct VendorReviewRoutes: Sendable {
    let reviews: VendorReviewService
    let administrator: RoleRequirement

    private static let problems: [Problem.Kind] = [.notFound, .ownVendor, .vendorState]

    var routes: [Route] {
        [
            .get(
                "admin/vendors", "List venues and service providers, the newest first", requires: administrator,
                .query("vendor_type", oneOf: ["venue", "provider"]),
                .query("status", oneOf: VendorStatus.allCases.map(\.rawValue)), .query("limit", 1...200, default: 50),
                .query("offset", 0...1_000_000, default: 0)
            ) { [reviews] _, kind, status, limit, offset in
                try await reviews.list(VendorSearch(kind: kind, status: status, limit: limit, offset: offset))
            },
            .get(
                "admin/vendors/{id}", "Get a venue or a service provider", requires: administrator,
                .path("id", of: Vendor.self)
            ) { [reviews] _, id in try await reviews.get(id) },
            .post(
                "admin/vendors/{id}/approve", "Approve a vendor of another organisation", requires: administrator,
                .path("id", of: Vendor.self), problems: Self.problems
            ) { [reviews] (body: VendorNote, scope, id) in
                try await reviews.decide(.approve, about: id, note: body.note, scope: scope)
            },
            .post(
                "admin/vendors/{id}/needs-changes", "Ask the owner of a vendor for changes", requires: administrator,
                .path("id", of: Vendor.self), problems: Self.problems
            ) { [reviews] (body: VendorChangeRequest, scope, id) in
                try await reviews.decide(.needsChanges, about: id, note: body.note, scope: scope)
            },
            .post(
                "admin/vendors/{id}/disable-payout", "Suspend a vendor: it is neither booked nor paid",
                requires: administrator, .path("id", of: Vendor.self), problems: Self.problems
            ) { [reviews] (body: VendorNote, scope, id) in
                try await reviews.decide(.suspend, about: id, note: body.note, scope: scope)
            },
        ]
    }
}
