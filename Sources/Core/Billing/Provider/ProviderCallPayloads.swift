import Identity
import Modules
import Stripe

/// A call to the provider as administrators see it: without its fields, which may hold personal data.
struct ProviderCallView: Payload {
    var id: ID<ProviderCall>
    var purpose: String
    /// The id of the row that it belongs to.
    var subject: String
    var organisationId: ID<Organisation>?
    var idempotencyKey: String
    var method: String
    var path: String
    var state: ProviderCall.State
    var attempts: Int64
    var firstSentAt: Instant?
    var sentAt: Instant?
    /// When an unknown call is tried again.
    var nextAt: Instant?
    /// The id of what the provider has made.
    var objectId: String?
    var refusal: String?
    var unknownReason: String?
    var createdAt: Instant
    var settledAt: Instant?

    init(_ call: ProviderCall) {
        id = call.id
        purpose = call.purpose.name
        subject = call.subject
        organisationId = call.organisation
        idempotencyKey = call.key
        method = call.request.method.rawValue
        path = call.request.path
        state = call.state
        attempts = call.attempts
        firstSentAt = call.firstSentAt
        sentAt = call.sentAt
        nextAt = call.nextAt
        objectId = call.object?["id"]?.string
        refusal = call.refusal.map { "\($0.type): \($0.message)" }
        unknownReason = call.unknownReason
        createdAt = call.createdAt
        settledAt = call.settledAt
    }
}

/// What an administrator has found at the provider of a call whose outcome is not known.
struct ProviderCallResolution: Payload {
    enum Outcome: String, Codable, CaseIterable, Sendable {
        /// The effect is there: `object_id` names it, and it is fetched.
        case done
        /// The effect is not there and will not be.
        case refused
    }

    var outcome: Outcome
    var objectId: String?
    /// How it was found, for the audit trail.
    var note: String

    static let rules: [String: Rule] = ["object_id": .length(1...255), "note": .length(1...500)]
}
