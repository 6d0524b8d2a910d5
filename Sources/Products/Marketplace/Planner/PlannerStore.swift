import Identity
import Modules

/// The SQL of planner sessions, of shared plans and of iterations without a plan of the catalogue.
extension Transaction {
    func plannerSession(_ key: String, of organisation: ID<Organisation>) throws -> PlannerSession? {
        try first(
            """
            SELECT * FROM marketplace_planner_sessions WHERE organisation_id = \(organisation) AND key = \(key)
            \(.forUpdate)
            """,
            PlannerSession.init)
    }

    func plannerSession(_ id: ID<PlannerSession>, of organisation: ID<Organisation>) throws -> PlannerSession? {
        try first(
            """
            SELECT * FROM marketplace_planner_sessions WHERE organisation_id = \(organisation) AND id = \(id)
            \(.forUpdate)
            """,
            PlannerSession.init)
    }

    /// Inserts a session, or replaces the brief, the messages and, where there is a new one, the plan.
    func savePlannerSession(
        _ id: ID<PlannerSession>, _ key: String, brief: JSONValue, messages: [JSONValue], plan: JSONValue?,
        for scope: Scope
    ) throws {
        let planText = try plan.map { try StoredJSON.text($0) }
        let iterations = plan == nil ? 0 : 1
        try execute(
            """
            INSERT INTO marketplace_planner_sessions (
                id, organisation_id, person_id, key, brief, messages, plan, iterations, created_at, updated_at)
            VALUES (\(id), \(scope.organisation), \(scope.person), \(key), \(try StoredJSON.text(brief)),
                    \(try StoredJSON.text(.array(messages))), \(planText), \(iterations), \(now), \(now))
            ON CONFLICT (organisation_id, key) DO UPDATE
            SET brief = excluded.brief, messages = excluded.messages,
                plan = COALESCE(excluded.plan, marketplace_planner_sessions.plan),
                iterations = marketplace_planner_sessions.iterations + excluded.iterations,
                updated_at = excluded.updated_at
            """
        )
    }

    func countPlannerSessions(of organisation: ID<Organisation>) throws -> Int64 {
        try count(
            "SELECT COUNT(*) AS count FROM marketplace_planner_sessions WHERE organisation_id = \(organisation)")
    }

    func plannerSessions(in scope: Scope, limit: Int, offset: Int) throws -> [PlannerSession] {
        try all(
            """
            SELECT * FROM marketplace_planner_sessions WHERE organisation_id = \(scope.organisation)
            ORDER BY updated_at DESC, id DESC LIMIT \(limit) OFFSET \(offset)
            """,
            PlannerSession.init)
    }

    func approveLayout(of session: PlannerSession) throws {
        try execute(
            """
            UPDATE marketplace_planner_sessions
            SET layout_approved_at = COALESCE(layout_approved_at, \(now)), updated_at = \(now)
            WHERE id = \(session.id) AND organisation_id = \(session.organisation)
            """
        )
    }

    /// Takes one iteration of a month's allowance by one guarded statement.
    /// - Returns: false where none is left.
    func takeIteration(of organisation: ID<Organisation>, in month: String, limit: Limit) throws -> Bool {
        guard limit.allows(1) else { return false }
        return try execute(
            """
            INSERT INTO marketplace_iterations (organisation_id, month, used) VALUES (\(organisation), \(month), 1)
            ON CONFLICT (organisation_id, month) DO UPDATE SET used = marketplace_iterations.used + 1
            WHERE marketplace_iterations.used < \(limit.bound)
            """
        ) == 1
    }

    func iterations(of organisation: ID<Organisation>, in month: String) throws -> Int64 {
        try first(
            "SELECT used FROM marketplace_iterations WHERE organisation_id = \(organisation) AND month = \(month)"
        ) { try $0["used"] } ?? 0
    }

    func insertPlanShare(
        _ id: ID<PlanShare>, tokenHash: String, plan: JSONValue, until expiry: Instant, for scope: Scope
    ) throws {
        try execute(
            """
            INSERT INTO marketplace_plan_shares (
                id, organisation_id, person_id, token_hash, plan, created_at, expires_at)
            VALUES (\(id), \(scope.organisation), \(scope.person), \(tokenHash), \(try StoredJSON.text(plan)), \(now),
                    \(expiry))
            """
        )
    }

    func sharedPlan(tokenHash: String) throws -> (plan: JSONValue, expiresAt: Instant)? {
        try first(
            """
            SELECT plan, expires_at FROM marketplace_plan_shares
            WHERE token_hash = \(tokenHash) AND expires_at > \(now)
            """
        ) { (try StoredJSON.value($0["plan"]), try $0["expires_at"]) }
    }

    func countPlanShares(of organisation: ID<Organisation>) throws -> Int64 {
        try count("SELECT COUNT(*) AS count FROM marketplace_plan_shares WHERE organisation_id = \(organisation)")
    }
}
