import Identity
import Modules

/// Which vendors an administrator lists.
struct VendorSearch: Sendable {
    /// `venue` or `provider`.
    var kind: String?
    var status: String?
    var limit: Int
    var offset: Int
}

/// A vendor for administrators.
struct VendorView: Payload {
    var id: ID<Vendor>
    /// `venue` or `provider`.
    var vendorType: String
    var name: String
    var city: String
    var status: VendorStatus
    var reviewNote: String?
    var organisationId: ID<Organisation>
    var userId: ID<Person>
    var avgRating: DecimalNumber
    var ratingCount: Int64
    var createdAt: Instant
    var updatedAt: Instant

    init(row: Row) throws {
        id = try row["id"]
        vendorType = try row["kind"]
        name = try row["name"]
        city = try row["city"]
        status = try row["status"]
        reviewNote = try row["review_note"]
        organisationId = try row["organisation_id"]
        userId = try row["person_id"]
        ratingCount = try row["rating_count"]
        avgRating = Rating.rounded(sum: try row["rating_sum"], count: ratingCount)
        createdAt = try row["created_at"]
        updatedAt = try row["updated_at"]
    }
}

/// The body of a decision; the note is sent to the owner.
struct VendorNote: Payload, OptionalBody {
    var note: String?

    static let rules: [String: Rule] = ["note": .length(0...2_000)]
}

/// The body of `POST /v1/admin/vendors/{id}/needs-changes`.
struct VendorChangeRequest: Payload {
    /// What the owner has to change.
    var note: String

    static let rules: [String: Rule] = ["note": .length(1...2_000)]
}

struct VendorDecided: Payload {
    var success: Bool
    var id: ID<Vendor>
    /// `venue` or `provider`.
    var vendorType: String
    var status: VendorStatus
}
