import Modules

/// The body of `POST /v1/planner/message`.
struct PlannerMessageRequest: Payload {
    struct PlannerTurn: Codable, Sendable {
        /// `user` or `assistant`.
        var role: String
        var content: String
    }

    var sessionId: String
    var userText: String
    /// The conversation so far.
    var messages: [PlannerTurn]?
    var draftBrief: DraftBrief?
    var mode: String?
    /// `collecting` or `ready_to_generate`.
    var briefStatus: String?

    static let naming = Naming.asDeclared
    static let rules: [String: Rule] = [
        "sessionId": .length(1...100), "userText": .length(1...4_000), "messages": .items(upTo: 60),
        "mode": .length(0...40), "briefStatus": .oneOf(["collecting", "ready_to_generate"]),
    ]
}

struct PlannerMessageReply: Payload {
    struct CollectedBrief: Codable, Sendable {
        var sessionId: String
        var draftBrief: DraftBrief
        /// `collecting` or `ready_to_generate`.
        var briefStatus: String
    }

    var assistantMessage: String
    var updatedSession: CollectedBrief
    /// `model`, or `fallback` for an answer by fixed rules.
    var source: EventPlan.Source

    static let naming = Naming.asDeclared
}

/// The body of `POST /v1/planner/generate`.
struct PlanRequest: Payload {
    var sessionId: String
    var draftBrief: DraftBrief
    var messages: [PlannerMessageRequest.PlannerTurn]?
    var mode: String?

    static let naming = Naming.asDeclared
    static let rules: [String: Rule] = [
        "sessionId": .length(1...100), "messages": .items(upTo: 60), "mode": .length(0...40),
    ]
}

struct PlanGenerated: Payload {
    var success: Bool
    var plan: EventPlan
    var sessionId: String
    /// Why no model has made the plan; nil where one has.
    var notice: String?

    static let naming = Naming.asDeclared
}

struct PlannerSessionView: Payload {
    var id: ID<PlannerSession>
    var sessionId: String
    var draftBrief: JSONValue
    var messages: [JSONValue]
    var plan: JSONValue?
    var iterationsUsed: Int64
    var layoutApproved: Bool
    var createdAt: Instant
    var updatedAt: Instant

    static let naming = Naming.asDeclared

    init(_ session: PlannerSession, isApproved: Bool? = nil) {
        id = session.id
        sessionId = session.key
        draftBrief = session.brief
        messages = session.messages
        plan = session.plan
        iterationsUsed = session.iterations
        layoutApproved = isApproved ?? (session.layoutApprovedAt != nil)
        createdAt = session.createdAt
        updatedAt = session.updatedAt
    }
}

struct PlannerSessionList: Payload {
    var sessions: [PlannerSessionView]
    /// Of all pages.
    var total: Int64

    static let naming = Naming.asDeclared
    var listTotal: Int64? { total }
}

/// The body of `POST /v1/plans/share`.
struct PlanShareRequest: Payload {
    /// The plan; or else that of a session.
    var planData: JSONValue?
    var sessionId: String?

    static let rules: [String: Rule] = ["session_id": .length(1...100)]
}

/// A plan that anyone with its link reads.
struct PlanShare: Payload {
    var success: Bool
    /// Shown this once.
    var token: String
    var path: String
    var expiresAt: Instant
}

struct SharedPlan: Payload {
    var plan: JSONValue
    var expiresAt: Instant
}
