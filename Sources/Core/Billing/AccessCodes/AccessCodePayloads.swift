import Entitlements
import Identity
import Modules

/// The body of `POST /v1/payments/redeem-code`.
struct CodeRedemption: Payload {
    /// `AUTOOS-XXXX-XXXX-XXXX-XXXX`, in either case, with or without hyphens and the prefix.
    var code: String

    static let rules: [String: Rule] = ["code": .length(1...100)]
}

struct RedeemedCode: Payload {
    var plan: String
    /// When the plan ends.
    var validUntil: Instant
    /// The organisation's subscription now.
    var subscription: SubscriptionView?
}

/// The body of `POST /v1/admin/access-codes`.
struct NewAccessCodes: Payload {
    var plan: String
    /// For how long the plan is given; by default 365 days of the plan `enterprise` and 30 of any other.
    var days: Int64?
    /// For how long the code can be redeemed; by default as long as `days`.
    var validDays: Int64?
    /// How many codes; one by default.
    var count: Int64?
    /// For administrators.
    var note: String?

    static let rules: [String: Rule] = [
        "plan": .length(1...64), "days": .range(1...3_660), "valid_days": .range(1...3_660), "count": .range(1...100),
        "note": .length(0...200),
    ]
}

struct CreatedAccessCodes: Payload {
    struct Code: Payload {
        /// It is not stored and cannot be shown again.
        var code: String
        var accessCode: AccessCodeView
    }

    var codes: [Code]
}

/// A code, for administrators, without its text.
struct AccessCodeView: Payload {
    var id: ID<AccessCode>
    /// The last four characters.
    var hint: String
    var plan: String
    var days: Int64
    var status: AccessCode.State
    /// 1 where it has been redeemed.
    var usageCount: Int64
    var expiresAt: Instant
    var usedAt: Instant?
    /// Nil also after an erasure.
    var usedByOrganisationId: ID<Organisation>?
    var revokedAt: Instant?
    var note: String?
    var createdAt: Instant

    init(_ code: AccessCode, at now: Instant) {
        id = code.id
        hint = code.hint
        plan = code.plan.text
        days = code.days
        status = code.state(at: now)
        usageCount = code.usedAt == nil ? 0 : 1
        expiresAt = code.expiresAt
        usedAt = code.usedAt
        usedByOrganisationId = code.usedBy.flatMap { ID($0.text) }
        revokedAt = code.revokedAt
        note = code.note
        createdAt = code.createdAt
    }
}
