import Identity
import Modules
import SpotDecisions

/// The SQL of moves, and of what they make.
extension Transaction {
    /// - Parameter account: of the session's credentials.
    /// - Returns: false where another session replaces the instance at this moment.
    func insertMove(_ id: ID<Move>, of session: SandboxSession, account: String, to candidate: Candidate) throws
        -> Bool
    {
        try execute(
            """
            INSERT INTO sandbox_moves (id, organisation_id, session_id, state, aws_account, aws_region,
                from_instance_id, instance_type, availability_zone, spot_price, on_demand_price, has_stopped,
                started_at, step_at)
            VALUES (\(id), \(session.organisation), \(session.id), 'image', \(account), \(session.region),
                \(session.instance), \(candidate.pool.instanceType), \(candidate.pool.availabilityZone),
                \(candidate.spotPrice), \(candidate.onDemandPrice), 0, \(now), \(now))
            ON CONFLICT DO NOTHING
            """
        ) == 1
    }

    /// Whether the instance of a session belongs to a move of another session: that session replaces it, has replaced
    /// it, has launched it or could not roll its move back, and will start or terminate it at its end. The account of
    /// AWS is what sessions have in common, so that those of every organisation count.
    func isMovedElsewhere(_ session: SandboxSession, account: String) throws -> Bool {
        try count(
            """
            SELECT COUNT(*) AS count FROM sandbox_moves
                JOIN sandbox_sessions ON sandbox_sessions.id = sandbox_moves.session_id
            WHERE sandbox_moves.aws_account = \(account) AND sandbox_moves.aws_region = \(session.region)
                AND (sandbox_moves.from_instance_id = \(session.instance)
                    OR sandbox_moves.instance_id = \(session.instance))
                AND sandbox_moves.session_id <> \(session.id) AND sandbox_moves.state <> 'failed'
                AND sandbox_sessions.clean_up IN ('none', 'pending')
            """) > 0
    }

    func move(_ id: ID<Move>, of organisation: ID<Organisation>) throws -> Move? {
        try first(Self.selectMove + "WHERE organisation_id = \(organisation) AND id = \(id)", Move.init)
    }

    func unfinishedMove(of session: SandboxSession) throws -> Move? {
        try first(
            Self.selectMove + """
                WHERE organisation_id = \(session.organisation) AND session_id = \(session.id)
                    AND finished_at IS NULL
                """, Move.init)
    }

    /// The move of a session whose roll-back gave up: the session begins no further one meanwhile.
    func incompleteMove(of session: SandboxSession) throws -> Move? {
        try first(
            Self.selectMove + """
                WHERE organisation_id = \(session.organisation) AND session_id = \(session.id)
                    AND state = 'incomplete'
                """, Move.init)
    }

    /// Goes on to another state, unless the move has done so since it was read.
    /// - Parameter error: why it is rolled back; nil keeps an earlier one.
    /// - Returns: false where the move is in another state.
    func advance(_ move: Move, to state: Move.State, error: String? = nil) throws -> Bool {
        try execute(
            """
            UPDATE sandbox_moves SET state = \(state), step_at = \(now), error = COALESCE(\(error), error),
                finished_at = \(state.isFinished ? now : nil)
            WHERE id = \(move.id) AND organisation_id = \(move.organisation) AND state = \(move.state)
            """
        ) == 1
    }

    /// The next step stops the old instance, so that the end of the move or of the session has to start it again.
    func setStopping(_ move: Move) throws { try setHasStopped(true, move) }

    /// The old instance is as it was before the move.
    func setRestored(_ move: Move) throws { try setHasStopped(false, move) }

    private func setHasStopped(_ value: Bool, _ move: Move) throws {
        try execute(
            """
            UPDATE sandbox_moves SET has_stopped = \(value)
            WHERE id = \(move.id) AND organisation_id = \(move.organisation)
            """
        )
    }

    /// Whether the original instance of a session was stopped by one of its moves, and was not started again.
    func hasStoppedOriginal(_ session: SandboxSession) throws -> Bool {
        try count(
            """
            SELECT COUNT(*) AS count FROM sandbox_moves
            WHERE session_id = \(session.id) AND organisation_id = \(session.organisation)
                AND from_instance_id = \(session.originalInstance) AND has_stopped = 1
            """) > 0
    }

    /// Writes the id of what a step has made.
    /// - Returns: false where the move is in another state.
    func setMade(_ kind: CloudResource.Kind, _ id: String, of move: Move) throws -> Bool {
        let column: SQL = kind == .image ? "image_id" : "instance_id"
        let count = try execute(
            """
            UPDATE sandbox_moves SET \(column) = \(id)
            WHERE id = \(move.id) AND organisation_id = \(move.organisation) AND state = \(move.state)
            """
        )
        try execute(
            """
            UPDATE sandbox_resources SET aws_id = \(id), state = 'made'
            WHERE move_id = \(move.id) AND organisation_id = \(move.organisation) AND kind = \(kind)
                AND state = 'intended'
            """
        )
        return count == 1
    }

    /// Writes down what the next request makes.
    func insertResource(
        _ kind: CloudResource.Kind, token: String, id: ID<CloudResource>, of move: ID<Move>, _ session: SandboxSession
    ) throws {
        try execute(
            """
            INSERT INTO sandbox_resources (id, organisation_id, session_id, move_id, kind, token, state, created_at)
            VALUES (\(id), \(session.organisation), \(session.id), \(move), \(kind), \(token), 'intended', \(now))
            """
        )
    }

    /// Everything that a move has made is removed.
    func removeResources(of move: Move) throws {
        try execute(
            """
            UPDATE sandbox_resources SET state = 'removed', removed_at = \(now)
            WHERE move_id = \(move.id) AND organisation_id = \(move.organisation) AND state <> 'removed'
            """
        )
    }

    /// Everything that a session has made is removed.
    /// - Parameter kept: the ids of what is not.
    func removeResources(of session: SandboxSession, except kept: [String]) throws {
        let condition: SQL = kept.isEmpty ? "" : "AND COALESCE(aws_id, '') NOT IN \(list: kept)"
        try execute(
            """
            UPDATE sandbox_resources SET state = 'removed', removed_at = \(now)
            WHERE session_id = \(session.id) AND organisation_id = \(session.organisation) AND state <> 'removed'
                \(condition)
            """
        )
    }

    /// These are removed, of those that a session has made.
    func removeResources(_ ids: [String], of session: SandboxSession) throws {
        guard !ids.isEmpty else { return }
        try execute(
            """
            UPDATE sandbox_resources SET state = 'removed', removed_at = \(now)
            WHERE session_id = \(session.id) AND organisation_id = \(session.organisation) AND state <> 'removed'
                AND aws_id IN \(list: ids)
            """
        )
    }

    /// What a session has made, or may have made, and was not removed: `image ami-…`.
    /// - Parameter move: the one whose things count; nil for all of them.
    func remainingResources(of session: SandboxSession, from move: Move? = nil) throws -> [String] {
        let condition: SQL = if let move { "AND move_id = \(move.id)" } else { "" }
        return try all(
            """
            SELECT kind, COALESCE(aws_id, token) AS name FROM sandbox_resources
            WHERE session_id = \(session.id) AND organisation_id = \(session.organisation) AND state <> 'removed'
                \(condition)
            ORDER BY created_at, id
            """
        ) { row in "\(try row["kind"] as String) \(try row["name"] as String)" }
    }

    private static var selectMove: SQL {
        """
        SELECT id, organisation_id, session_id, state, from_instance_id, instance_type, availability_zone, spot_price,
            on_demand_price, image_id, instance_id, error, has_stopped, step_at
        FROM sandbox_moves

        """
    }
}
