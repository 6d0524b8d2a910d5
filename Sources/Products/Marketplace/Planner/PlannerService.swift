import Audit
import Entitlements
import Identity
import Models
import Modules
import NIOCore
import Secrets

/// Collects briefs, makes plans, and keeps them in sessions. With a language model it writes the texts and the shares;
/// without one fixed rules do, and say so. A plan takes one iteration.
final class PlannerService: Sendable {
    private let database: any Database
    private let iterations: PlannerIterations
    /// Nil where the installation has no model.
    private let model: PlannerModel?
    private let audit: AuditService
    private let runtime: Runtime

    init(
        database: any Database, iterations: PlannerIterations, model: PlannerModel?, audit: AuditService,
        runtime: Runtime
    ) {
        self.database = database
        self.iterations = iterations
        self.model = model
        self.audit = audit
        self.runtime = runtime
    }

    static let shareLifetime = Duration.days(30)
    static let sharesMax: Int64 = 500

    /// Answers a sentence of the organizer. An answer of a model takes one iteration, one by fixed rules none.
    /// - Throws: `validation-failed`; `quota-exceeded`, `iterations-exhausted`; `model-unavailable`.
    func message(_ request: PlannerMessageRequest, scope: Scope, allowance: QuotaAllowance) async throws(Problem)
        -> PlannerMessageReply
    {
        let brief = BriefReader.brief(request.draftBrief ?? DraftBrief(), with: request.userText)
        let value = try Self.value(brief)
        try FreeForm.check(value, at: "/draftBrief")
        var text = BriefReader.question(for: brief)
        let earlier = try Self.conversation(request.messages ?? [])
        if let model {
            try await iterations.requireLeft(allowance, scope)
            text = try await model.reply(
                to: earlier + [ModelMessage(.user, request.userText)], brief: value, missing: brief.missing)
        }
        let messages: [JSONValue] = [
            ["role": "user", "content": .string(request.userText)],
            ["role": "assistant", "content": .string(String(text.prefix(8_000)))],
        ]
        try await save(request.sessionId, value, adding: messages, plan: nil, scope: scope) { [self] transaction in
            if model != nil { try iterations.take(allowance, scope, in: transaction) }
        }
        return PlannerMessageReply(
            assistantMessage: text,
            updatedSession: PlannerMessageReply.CollectedBrief(
                sessionId: request.sessionId, draftBrief: brief,
                briefStatus: brief.missing.isEmpty ? "ready_to_generate" : "collecting"),
            source: model == nil ? .fallback : .model)
    }

    /// Makes a plan, and takes one iteration in the transaction that stores it. A model that does not answer is
    /// replaced by the fixed rules.
    /// - Throws: `validation-failed`; `quota-exceeded`, `iterations-exhausted`.
    func generate(_ request: PlanRequest, scope: Scope, allowance: QuotaAllowance) async throws(Problem)
        -> PlanGenerated
    {
        let brief = request.draftBrief
        let budget = try brief.money(at: "/draftBrief/budget")
        let value = try Self.value(brief)
        try FreeForm.check(value, at: "/draftBrief")
        try await iterations.requireLeft(allowance, scope)
        var (draft, source) = (PlanDraft.fallback(for: brief), EventPlan.Source.fallback)
        var notice: String? = "No language model is configured: this is a standard plan by fixed rules."
        if let model {
            do throws(Problem) {
                (draft, source, notice) = (try await model.draft(for: value), .model, nil)
            } catch {
                notice = "The language model did not answer: this is a standard plan by fixed rules."
            }
        }
        let plan = EventPlan(
            id: runtime.id(), draft, source: source, confidence: source == .model ? 75 : 50,
            guests: brief.guestCount ?? 0, budget: budget)
        let stored = try Self.value(plan)
        try await save(request.sessionId, value, adding: [], plan: stored, scope: scope) { [self] transaction in
            try iterations.take(allowance, scope, in: transaction)
        }
        return PlanGenerated(success: true, plan: plan, sessionId: request.sessionId, notice: notice)
    }

    func sessions(scope: Scope, limit: Int, offset: Int) async throws(Problem) -> PlannerSessionList {
        try await database.read { transaction in
            PlannerSessionList(
                sessions: try transaction.plannerSessions(in: scope, limit: limit, offset: offset).map {
                    PlannerSessionView($0)
                },
                total: try transaction.countPlannerSessions(of: scope.organisation))
        }
    }

    /// - Parameter name: the id of a session, or the client's name of it.
    /// - Throws: `not-found`; `conflict` for a session without a plan.
    func approveLayout(_ name: String, scope: Scope) async throws(Problem) -> PlannerSessionView {
        try await database.write { [audit] transaction in
            try transaction.requireMarketplaceCaller(scope)
            let byID = try ID<PlannerSession>(name).flatMap {
                try transaction.plannerSession($0, of: scope.organisation)
            }
            guard let session = try byID ?? transaction.plannerSession(name, of: scope.organisation) else {
                throw Problem(.notFound)
            }
            guard session.plan != nil else { throw Problem(.conflict, detail: "The session has no plan yet.") }
            try transaction.approveLayout(of: session)
            try audit.record(
                AuditEvent("planner.layout-approved", by: scope, subject: session.id.text), in: transaction)
            return PlannerSessionView(session, isApproved: true)
        }
    }

    // MARK: Shared plans

    /// Makes a link to a copy of a plan, which is valid for ``shareLifetime``.
    /// - Throws: `validation-failed`; `not-found` for a session without a plan; `too-many`.
    func share(_ request: PlanShareRequest, scope: Scope) async throws(Problem) -> PlanShare {
        if let plan = request.planData { try FreeForm.check(plan, at: "/plan_data") }
        guard request.planData != nil || request.sessionId != nil else {
            throw Problem.invalid("/plan_data", "is required without a session_id")
        }
        let token = Base64URL.encode(runtime.randomBytes(16))
        let id: ID<PlanShare> = runtime.id()
        let expiry = runtime.now() + Self.shareLifetime
        try await database.write { [audit] transaction in
            try transaction.requireMarketplaceCaller(scope)
            guard try transaction.countPlanShares(of: scope.organisation) < Self.sharesMax else {
                throw Problem(.tooMany, detail: "At most \(Self.sharesMax) plans are shared at once.")
            }
            var plan = request.planData
            if plan == nil, let key = request.sessionId {
                plan = try transaction.plannerSession(key, of: scope.organisation)?.plan
            }
            guard let plan else { throw Problem(.notFound, detail: "The session has no plan.") }
            try transaction.insertPlanShare(
                id, tokenHash: Digest.hex(token), plan: plan, until: expiry, for: scope)
            try audit.record(AuditEvent("plan.shared", by: scope, subject: id.text), in: transaction)
        }
        return PlanShare(success: true, token: token, path: "/v1/plans/shared/\(token)", expiresAt: expiry)
    }

    /// - Throws: `not-found`, also after its end.
    func sharedPlan(_ token: String) async throws(Problem) -> SharedPlan {
        let found = try await database.read { try $0.sharedPlan(tokenHash: Digest.hex(token)) }
        guard let found else { throw Problem(.notFound) }
        return SharedPlan(plan: found.plan, expiresAt: found.expiresAt)
    }

    // MARK: Sessions

    /// Stores the brief, further messages and a new plan, with what `also` does, in one transaction.
    private func save(
        _ key: String, _ brief: JSONValue, adding messages: [JSONValue], plan: JSONValue?, scope: Scope,
        also: @escaping @Sendable (Transaction) throws -> Void
    ) async throws(Problem) {
        let id: ID<PlannerSession> = runtime.id()
        try await database.write { transaction in
            try transaction.requireMarketplaceCaller(scope)
            let session = try transaction.plannerSession(key, of: scope.organisation)
            if session == nil {
                guard try transaction.countPlannerSessions(of: scope.organisation) < PlannerSession.countMax else {
                    throw Problem(.tooMany, detail: "There are at most \(PlannerSession.countMax) sessions.")
                }
            }
            let all = ((session?.messages ?? []) + messages).suffix(PlannerSession.messagesMax)
            try transaction.savePlannerSession(
                session?.id ?? id, key, brief: brief, messages: Array(all), plan: plan, for: scope)
            try also(transaction)
        }
    }

    /// - Throws: `validation-failed` for a role that is neither the user's nor the assistant's.
    private static func conversation(_ messages: [PlannerMessageRequest.PlannerTurn]) throws(Problem) -> [ModelMessage]
    {
        var found: [ModelMessage] = []
        for (index, message) in messages.enumerated() {
            guard message.role == "user" || message.role == "assistant" else {
                throw Problem.invalid("/messages/\(index)/role", "must be user or assistant")
            }
            guard (1...8_000).contains(message.content.unicodeScalars.count) else {
                throw Problem.invalid("/messages/\(index)/content", "must have 1 to 8000 characters")
            }
            found.append(ModelMessage(message.role == "user" ? .user : .assistant, message.content))
        }
        return found
    }

    /// A payload as JSON.
    private static func value(_ payload: some Payload) throws(Problem) -> JSONValue {
        try StoredJSON.value(String(buffer: try payload.encoded()))
    }
}
