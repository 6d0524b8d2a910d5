import Audit
import Entitlements
import Identity
import Modules

/// Makes, lists, revokes and redeems access codes. A code is shown once; its digest is stored.
final class AccessCodeService: Sendable {
    private let database: any Database
    private let plans: PlanCatalog
    private let subscriptions: SubscriptionBillingService
    private let audit: AuditService
    private let runtime: Runtime

    init(
        database: any Database, plans: PlanCatalog, subscriptions: SubscriptionBillingService, audit: AuditService,
        runtime: Runtime
    ) {
        self.database = database
        self.plans = plans
        self.subscriptions = subscriptions
        self.audit = audit
        self.runtime = runtime
    }

    // MARK: For customers

    /// Takes a code and gives its plan to the organisation, both or neither. A repeat by the same organisation is
    /// answered with its subscription.
    /// - Throws: `access-code-not-found`; `access-code-ended` for one that is used, revoked or expired;
    ///   `already-subscribed` where the organisation has a plan that is paid for.
    func redeem(_ redemption: CodeRedemption, scope: Scope) async throws(Problem) -> RedeemedCode {
        guard let text = AccessCodeText(redemption.code) else { throw Problem(.accessCodeNotFound) }
        let digest = text.digest
        return try await database.write { [self] transaction in
            try transaction.authority(of: scope, [.owner, .admin])
            guard let code = try transaction.useAccessCode(digest: digest, by: scope.organisation) else {
                return try answer(toRepeatOf: digest, scope: scope, in: transaction)
            }
            guard let plan = plans.current[code.plan] else {
                throw Problem(.planNotFound, detail: "The plan of this code does not exist any more.")
            }
            let end = transaction.now + .days(code.days)
            try subscriptions.grant(plan, until: end, to: scope.organisation, in: transaction)
            try audit.record(
                AuditEvent(
                    "access-code.redeemed", by: scope, subject: code.id.text,
                    details: ["plan": plan.id.text, "until": end.description]),
                in: transaction)
            return try redeemed(code, at: transaction.now, scope: scope, in: transaction)
        }
    }

    private func answer(toRepeatOf digest: String, scope: Scope, in transaction: Transaction) throws -> RedeemedCode {
        guard let code = try transaction.accessCode(digest: digest) else { throw Problem(.accessCodeNotFound) }
        let state = code.state(at: transaction.now)
        guard state == .used, code.usedBy == scope.organisation, let usedAt = code.usedAt else {
            throw Problem(.accessCodeEnded, detail: "The code is \(state.rawValue).")
        }
        return try redeemed(code, at: usedAt, scope: scope, in: transaction)
    }

    private func redeemed(_ code: AccessCode, at time: Instant, scope: Scope, in transaction: Transaction) throws
        -> RedeemedCode
    {
        RedeemedCode(
            plan: code.plan.text, validUntil: time + .days(code.days),
            subscription: try subscriptions.view(of: scope.organisation, in: transaction))
    }

    // MARK: For administrators

    /// - Returns: the codes with their texts, which are not stored.
    /// - Throws: `plan-not-found`; `validation-failed`.
    func create(_ new: NewAccessCodes, scope: Scope) async throws(Problem) -> CreatedAccessCodes {
        guard let plan = plans.current[Plan.ID(new.plan)] else { throw Problem(.planNotFound) }
        guard !plan.needsNoPayment else {
            throw Problem.invalid("/plan", "is a plan that needs no payment, and no code")
        }
        let days = new.days ?? (plan.id.text == "enterprise" ? 365 : 30)
        return try await database.write { [self] transaction in
            try transaction.requireCaller(scope, as: .admin)
            let now = transaction.now
            let codes = try (0..<(new.count ?? 1)).map { _ in
                let text = AccessCodeText(random: runtime.randomBytes(AccessCodeText.randomBytes))
                let code = AccessCode(
                    id: runtime.id(), hint: text.hint, plan: plan.id, days: days,
                    expiresAt: now + .days(new.validDays ?? days), note: new.note, revokedAt: nil, usedAt: nil,
                    usedBy: nil, createdAt: now)
                try transaction.insert(code, digest: text.digest, by: scope.person)
                try audit.record(
                    AuditEvent(
                        "access-code.created", by: scope, subject: code.id.text,
                        details: ["plan": plan.id.text, "days": "\(days)"]),
                    in: transaction)
                return CreatedAccessCodes.Code(code: text.description, accessCode: AccessCodeView(code, at: now))
            }
            return CreatedAccessCodes(codes: codes)
        }
    }

    func list(_ state: AccessCode.State?, limit: Int, offset: Int) async throws(Problem) -> Page<AccessCodeView> {
        try await database.read { transaction in
            let (rows, total) = try transaction.accessCodes(in: state, limit: limit, offset: offset)
            return Page(
                data: rows.map { AccessCodeView($0, at: transaction.now) }, total: total, limit: limit, offset: offset)
        }
    }

    /// Revokes an active code. A repeat changes nothing.
    /// - Throws: `access-code-not-found`; `access-code-ended` for one that is used or expired: what it gave stays.
    func revoke(_ id: ID<AccessCode>, scope: Scope) async throws(Problem) -> AccessCodeView {
        try await database.write { [audit] transaction in
            try transaction.requireCaller(scope, as: .admin)
            let isRevoked = try transaction.revokeAccessCode(id)
            guard let code = try transaction.accessCode(id) else { throw Problem(.accessCodeNotFound) }
            let state = code.state(at: transaction.now)
            guard state == .revoked else {
                throw Problem(.accessCodeEnded, detail: "The code is \(state.rawValue).")
            }
            if isRevoked {
                try audit.record(AuditEvent("access-code.revoked", by: scope, subject: id.text), in: transaction)
            }
            return AccessCodeView(code, at: transaction.now)
        }
    }
}

extension Problem.Kind {
    static let accessCodeNotFound = Self("access-code-not-found", "There is no such code", status: 404)
    static let accessCodeEnded = Self("access-code-ended", "This code cannot be used any more", status: 409)
}
