import Entitlements
import Identity
import Modules
import SpotDecisions

/// The SQL of sandbox sessions.
extension Transaction {
    func insert(_ session: NewSandboxSession) throws {
        try execute(
            """
            INSERT INTO sandbox_sessions (id, organisation_id, person_id, session_key, temp_username,
                temp_password_hash, aws_keys, aws_account, aws_region, original_instance_id, instance_id, instance_type,
                availability_zone, actuates, state, signal, clean_up, created_at, expires_at)
            VALUES (\(session.id), \(session.organisation), \(session.person), \(session.key), \(session.tempUsername),
                \(session.tempPasswordHash), \(session.sealedKeys), \(session.awsAccount), \(session.region),
                \(session.instance), \(session.instance), \(session.pool.instanceType),
                \(session.pool.availabilityZone), \(session.actuates), 'active', 'NONE', 'none', \(now),
                \(now + session.lifetime))
            """
        )
    }

    /// A session that the scope may see: its own, and any of the organisation for an owner or administrator of it.
    /// - Throws: `sandbox-session-not-found`, also for a session of another person or organisation.
    func sandboxSession(_ key: SessionKey, in scope: Scope) throws -> SandboxSession {
        try requireSandboxSession("session_key = \(key) AND \(visible(to: scope))")
    }

    /// As ``sandboxSession(_:in:)``, by its internal id; nil for one that the scope may not see.
    func sandboxSession(_ id: ID<SandboxSession>, in scope: Scope) throws -> SandboxSession? {
        try first(Self.selectSandboxSession + "WHERE id = \(id) AND \(visible(to: scope))", SandboxSession.init)
    }

    /// As ``sandboxSession(_:in:)``, with the row locked until the end of the transaction.
    func lockedVisibleSandboxSession(_ key: SessionKey, in scope: Scope) throws -> SandboxSession {
        try requireSandboxSession("session_key = \(key) AND \(visible(to: scope)) \(.forUpdate)")
    }

    /// A session that the scope's person has created, with the row locked until the end of the transaction: no other
    /// account acts with its credentials.
    /// - Throws: `sandbox-session-not-found`, also for a session of another person.
    func lockedSandboxSession(_ key: SessionKey, in scope: Scope) throws -> SandboxSession {
        try requireSandboxSession(
            """
            organisation_id = \(scope.organisation) AND person_id = \(scope.person) AND session_key = \(key)
            \(.forUpdate)
            """)
    }

    /// As ``sandboxSession(_:in:)``, by id and organisation; nil for a session that does not exist.
    func lockedSandboxSession(_ id: ID<SandboxSession>, of organisation: ID<Organisation>) throws -> SandboxSession? {
        try first(
            Self.selectSandboxSession + "WHERE organisation_id = \(organisation) AND id = \(id) \(.forUpdate)",
            SandboxSession.init)
    }

    func sandboxSession(_ id: ID<SandboxSession>, of organisation: ID<Organisation>) throws -> SandboxSession? {
        try first(
            Self.selectSandboxSession + "WHERE organisation_id = \(organisation) AND id = \(id)", SandboxSession.init)
    }

    /// The session of a capability, whatever its organisation: its bearer may read the log.
    func sandboxSession(_ key: SessionKey) throws -> SandboxSession? {
        try first(Self.selectSandboxSession + "WHERE session_key = \(key)", SandboxSession.init)
    }

    /// The sessions that the scope may see.
    func sandboxSessions(in scope: Scope, limit: Int) throws -> [SandboxSession] {
        try all(
            Self.selectSandboxSession
                + "WHERE \(visible(to: scope)) ORDER BY created_at DESC, id DESC LIMIT \(limit)",
            SandboxSession.init)
    }

    func countSandboxSessions(in scope: Scope) throws -> Int64 {
        try count("SELECT COUNT(*) AS count FROM sandbox_sessions WHERE \(visible(to: scope))")
    }

    func countActiveSandboxSessions(of person: ID<Person>) throws -> Int64 {
        try count(
            """
            SELECT COUNT(*) AS count FROM sandbox_sessions
            WHERE person_id = \(person) AND state = 'active' AND expires_at > \(now)
            """)
    }

    /// The active sessions after `id`, in the order of their ids.
    func activeSandboxSessions(after id: String, limit: Int) throws -> [SandboxSession] {
        try all(
            Self.selectSandboxSession + """
                WHERE state = 'active' AND expires_at > \(now) AND id > \(id) ORDER BY id LIMIT \(limit)
                """, SandboxSession.init)
    }

    /// The active sessions of a person, in the order of their ids.
    /// - Parameter organisation: nil for all of them.
    func activeSandboxSessions(of person: ID<Person>, in organisation: ID<Organisation>?) throws -> [SandboxSession] {
        let place: SQL = if let organisation { "AND organisation_id = \(organisation)" } else { "" }
        return try all(
            Self.selectSandboxSession + "WHERE person_id = \(person) AND state = 'active' \(place) ORDER BY id",
            SandboxSession.init)
    }

    /// Sessions whose time is over and that are not marked so.
    func overdueSandboxSessions(limit: Int) throws -> [SandboxSession] {
        try all(
            Self.selectSandboxSession
                + "WHERE state = 'active' AND expires_at <= \(now) ORDER BY expires_at, id LIMIT \(limit)",
            SandboxSession.init)
    }

    /// Sessions that ended before the retention, and whose clean-up has ended.
    func oldSandboxSessions(limit: Int) throws -> [SandboxSession] {
        try all(
            Self.selectSandboxSession + """
                WHERE ended_at < \(now - SandboxSession.retention) AND clean_up IN ('done', 'incomplete')
                ORDER BY ended_at, id LIMIT \(limit)
                """, SandboxSession.init)
    }

    /// - Throws: `validation-failed` where the newest active session of the instance is about another type or region.
    func requirePool(_ pool: SpotPool, ofSessionsOf instance: String, in scope: Scope) throws {
        let session = try first(
            Self.selectSandboxSession + """
                WHERE organisation_id = \(scope.organisation) AND original_instance_id = \(instance)
                    AND state = 'active' AND expires_at > \(now)
                ORDER BY created_at DESC, id DESC LIMIT 1
                """, SandboxSession.init)
        guard let session else { return }
        guard session.pool.instanceType == pool.instanceType else {
            throw Problem.invalid("/instance_type", "is not the type of the instance's session")
        }
        guard pool.availabilityZone.dropLast() == session.region else {
            throw Problem.invalid("/availability_zone", "is not in the region of the instance's session")
        }
    }

    /// - Returns: false for a session that is not active any more.
    func end(_ session: SandboxSession, as state: SandboxSession.State) throws -> Bool {
        try execute(
            """
            UPDATE sandbox_sessions
            SET state = \(state), ended_at = \(now), clean_up = 'pending', evaluation_id = NULL, evaluating_until = NULL
            WHERE id = \(session.id) AND organisation_id = \(session.organisation) AND state = 'active'
            """
        ) == 1
    }

    func setSignal(_ signal: InterruptionSignal, of session: SandboxSession) throws {
        try execute(
            """
            UPDATE sandbox_sessions SET signal = \(signal.rawValue)
            WHERE id = \(session.id) AND organisation_id = \(session.organisation)
            """
        )
    }

    /// Takes the session for one evaluation.
    /// - Returns: false while another one holds it.
    func beginEvaluation(_ evaluation: ID<SandboxEvaluation>, of session: SandboxSession, until end: Instant) throws
        -> Bool
    {
        try execute(
            """
            UPDATE sandbox_sessions SET evaluation_id = \(evaluation), evaluating_until = \(end)
            WHERE id = \(session.id) AND organisation_id = \(session.organisation)
                AND (evaluating_until IS NULL OR evaluating_until <= \(now))
            """
        ) == 1
    }

    /// - Returns: false where the evaluation no longer holds the session.
    func endEvaluation(_ evaluation: ID<SandboxEvaluation>, of session: SandboxSession) throws -> Bool {
        try execute(
            """
            UPDATE sandbox_sessions SET evaluation_id = NULL, evaluating_until = NULL
            WHERE id = \(session.id) AND organisation_id = \(session.organisation) AND evaluation_id = \(evaluation)
            """
        ) == 1
    }

    /// The session decides about another instance from here on.
    func setTarget(_ instance: String, in pool: SpotPool, of session: SandboxSession) throws {
        try execute(
            """
            UPDATE sandbox_sessions SET instance_id = \(instance), instance_type = \(pool.instanceType),
                availability_zone = \(pool.availabilityZone), signal = 'NONE'
            WHERE id = \(session.id) AND organisation_id = \(session.organisation)
            """
        )
    }

    /// What is left of a move whose roll-back gave up.
    /// - Parameter report: nil once nothing is.
    func setCleanUpReport(_ report: String?, of session: SandboxSession) throws {
        try execute(
            """
            UPDATE sandbox_sessions SET clean_up_report = \(report)
            WHERE id = \(session.id) AND organisation_id = \(session.organisation)
            """
        )
    }

    /// Ends the clean-up, and removes the credentials.
    /// - Parameter report: nil where nothing is left.
    func endCleanUp(of session: SandboxSession, as state: SandboxSession.CleanUp, report: String?) throws {
        try execute(
            """
            UPDATE sandbox_sessions SET clean_up = \(state), clean_up_report = \(report), aws_keys = NULL
            WHERE id = \(session.id) AND organisation_id = \(session.organisation)
            """
        )
    }

    /// Deletes a session with the rows that refer to it.
    func delete(_ session: SandboxSession) throws {
        for table in ["sandbox_actions", "sandbox_savings", "sandbox_resources", "sandbox_moves"] {
            try execute(
                """
                DELETE FROM \(SQL(trusted: table))
                WHERE session_id = \(session.id) AND organisation_id = \(session.organisation)
                """
            )
        }
        try execute(
            """
            DELETE FROM sandbox_sessions
            WHERE id = \(session.id) AND organisation_id = \(session.organisation)
            """
        )
    }

    private func visible(to scope: Scope) throws -> SQL {
        try manages(scope)
            ? "organisation_id = \(scope.organisation)"
            : "organisation_id = \(scope.organisation) AND person_id = \(scope.person)"
    }

    private func requireSandboxSession(_ condition: SQL) throws -> SandboxSession {
        let session = try first(Self.selectSandboxSession + "WHERE " + condition, SandboxSession.init)
        guard let session else { throw Problem(.sandboxSessionNotFound) }
        return session
    }

    private static var selectSandboxSession: SQL {
        """
        SELECT id, organisation_id, person_id, session_key, temp_username, aws_keys, aws_account, aws_region,
            original_instance_id, instance_id, instance_type, availability_zone, actuates, state, signal,
            evaluation_id, evaluating_until, clean_up, clean_up_report, created_at, expires_at, ended_at
        FROM sandbox_sessions

        """
    }
}

/// A session to insert.
struct NewSandboxSession: Sendable {
    let id: ID<SandboxSession>
    let organisation: ID<Organisation>
    let person: ID<Person>
    let key: SessionKey
    let tempUsername: String
    let tempPasswordHash: String
    let sealedKeys: String
    let awsAccount: String?
    let region: String
    let instance: String
    let pool: SpotPool
    let actuates: Bool
    let lifetime: Duration
}

extension Concurrency {
    /// Active sessions: those whose time is not over, whether or not a job has marked the others.
    static let sandboxSessions = Concurrency(
        "sandbox_sessions", of: "sessions",
        active: { organisation, now in
            """
            FROM sandbox_sessions
            WHERE organisation_id = \(organisation) AND state = 'active' AND expires_at > \(now)
            """
        },
        activeOfPerson: { person, now in
            """
            FROM sandbox_sessions
            WHERE person_id = \(person) AND state = 'active' AND expires_at > \(now)
            """
        })
}
