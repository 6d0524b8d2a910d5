import Modules

/// The SQL of the provider's events and of the versions of its objects.
extension Transaction {
    /// Stores the events that were not stored before. Those that are received wait for the job of all.
    /// - Returns: their number.
    func insert(_ events: [ProviderEvent]) throws -> Int {
        guard !events.isEmpty else { return 0 }
        var rows = SQL.Rows(ProviderEventColumns.events)
        // Transactions with the same events insert them in one order, which prevents deadlocks.
        for event in events.sorted(by: { ($0.account, $0.eventID) < ($1.account, $1.eventID) }) {
            let isReceived = event.state == .received
            rows.append([
                event.id.sqlValue, event.account.sqlValue, event.eventID.sqlValue, event.type.sqlValue,
                event.kind.sqlValue, event.objectID.sqlValue, event.createdAt.sqlValue, event.source.sqlValue,
                event.state.sqlValue, event.object?.sqlValue ?? .null, now.sqlValue, event.retryUntil.sqlValue,
                isReceived ? .null : now.sqlValue, isReceived.sqlValue,
            ])
        }
        return try execute(
            """
            INSERT INTO provider_events (
                id, account, event_id, type, kind, object_id, created_at, source, state, object, received_at,
                retry_until, settled_at, is_waiting
            )
            SELECT event, account_id, provider_event, event_type, object_kind, object, created, came_by, event_state,
                delivered, received, patience_end, settled, waits
            FROM \(rows: rows, as: "events") WHERE true
            ON CONFLICT (account, event_id) DO NOTHING
            """
        )
    }

    // MARK: Waiting

    /// When the event arrived that has waited longest; nil where none waits.
    func oldestWaitingProviderEventAt() throws -> Instant? {
        try first(
            "SELECT received_at FROM provider_events WHERE is_waiting = 1 ORDER BY received_at, id LIMIT 1"
        ) { try $0["received_at"] }
    }

    /// The event of each object that has waited longest, in their order. Looks at the oldest 256 events.
    func waitingProviderEventsOfObjects(atMost limit: Int) throws -> [ProviderEvent] {
        try all(
            """
            SELECT * FROM provider_events WHERE id IN (
                SELECT id FROM (
                    SELECT id, ROW_NUMBER() OVER (PARTITION BY account, object_id ORDER BY received_at, id) AS place
                    FROM (
                        SELECT id, account, object_id, received_at FROM provider_events WHERE is_waiting = 1
                        ORDER BY received_at, id LIMIT 256
                    ) AS oldest
                ) AS placed WHERE place = 1
            )
            ORDER BY received_at, id LIMIT \(limit)
            """,
            ProviderEvent.init(row:))
    }

    func hasWaitingProviderEvents() throws -> Bool {
        try first("SELECT id FROM provider_events WHERE is_waiting = 1 LIMIT 1") != nil
    }

    /// Leaves further attempts for an event to a job of its own.
    /// - Returns: whether it waited.
    func stopWaiting(_ id: ID<ProviderEvent>) throws -> Bool {
        try execute("UPDATE provider_events SET is_waiting = 0 WHERE id = \(id) AND is_waiting = 1") == 1
    }

    /// Leaves further attempts for all events of an object to the job of one of them.
    func stopWaiting(for object: ProviderObjectKey) throws {
        try execute(
            """
            UPDATE provider_events SET is_waiting = 0
            WHERE account = \(object.account) AND object_id = \(object.id) AND state = 'received' AND is_waiting = 1
            """
        )
    }

    /// - Returns: the number of events of an object that wait again.
    func resumeWaiting(for object: ProviderObjectKey) throws -> Int {
        try execute(
            """
            UPDATE provider_events SET is_waiting = 1
            WHERE account = \(object.account) AND object_id = \(object.id) AND state = 'received' AND is_waiting = 0
            """
        )
    }

    // MARK: Ending

    func providerEvent(_ id: ID<ProviderEvent>) throws -> ProviderEvent? {
        try first("SELECT * FROM provider_events WHERE id = \(id)", ProviderEvent.init(row:))
    }

    /// Ends an event that is received.
    /// - Returns: whether it was.
    @discardableResult
    func end(_ id: ID<ProviderEvent>, as state: ProviderEvent.State, error: String? = nil) throws -> Bool {
        let keepsObject = state == .dead
        return try execute(
            """
            UPDATE provider_events
            SET state = \(state), settled_at = \(now), last_error = \(error), is_waiting = 0,
                object = CASE WHEN \(keepsObject) = 1 THEN object ELSE NULL END
            WHERE id = \(id) AND state = 'received'
            """
        ) == 1
    }

    /// Ends the other events of an object that came before it was fetched: what was fetched contains what they tell.
    /// - Returns: their types.
    func supersedeProviderEvents(
        of object: String, account: String, receivedBefore time: Instant, except id: ID<ProviderEvent>?
    ) throws -> [String] {
        try all(
            """
            UPDATE provider_events SET state = 'superseded', settled_at = \(now), object = NULL, is_waiting = 0
            WHERE account = \(account) AND object_id = \(object) AND state = 'received' AND received_at < \(time)
                AND id <> \(id?.text ?? "")
            RETURNING type
            """
        ) { try $0["type"] }
    }

    /// Ends the events of an object that wait for the job of one of them and are not tried any more.
    func endUnappliedProviderEvents(of object: ProviderObjectKey, because reason: String?) throws {
        try execute(
            """
            UPDATE provider_events SET state = 'dead', settled_at = \(now), last_error = \(reason)
            WHERE account = \(object.account) AND object_id = \(object.id) AND state = 'received' AND is_waiting = 0
                AND retry_until <= \(now)
            """
        )
    }

    /// - Returns: whether it was dead.
    func redriveProviderEvent(_ id: ID<ProviderEvent>) throws -> Bool {
        try execute(
            """
            UPDATE provider_events
            SET state = 'received', settled_at = NULL, retry_until = \(now + ProviderEvent.patience)
            WHERE id = \(id) AND state = 'dead'
            """
        ) == 1
    }

    func providerEvents(in state: ProviderEvent.State?, limit: Int, offset: Int) throws -> (
        rows: [ProviderEvent], total: Int64
    ) {
        let condition: SQL = state.map { "state = \($0)" } ?? .always
        return (
            try all(
                """
                SELECT * FROM provider_events WHERE \(condition)
                ORDER BY received_at DESC, id DESC LIMIT \(limit) OFFSET \(offset)
                """,
                ProviderEvent.init(row:)
            ),
            try count(of: "provider_events", where: condition)
        )
    }

    // MARK: Versions

    /// Counts a fetch of each of several objects, which begins.
    /// - Parameter objects: different ones.
    /// - Returns: the number of each among those of its object, from 1.
    func claimProviderObjects(_ objects: [ProviderObjectKey]) throws -> [ProviderObjectKey: Int64] {
        guard !objects.isEmpty else { return [:] }
        var rows = SQL.Rows(ProviderEventColumns.objects)
        // Rows are locked in one order, which prevents deadlocks.
        for object in objects.sorted() { rows.append([object.account.sqlValue, object.id.sqlValue]) }
        let claims = try all(
            """
            INSERT INTO provider_objects (account, object_id, claims, applied, touched_at)
            SELECT account_id, object, 1, 0, \(now) FROM \(rows: rows, as: "objects") WHERE true
            ON CONFLICT (account, object_id)
            DO UPDATE SET claims = provider_objects.claims + 1, touched_at = excluded.touched_at
            RETURNING account, object_id, claims
            """
        ) { row in
            (ProviderObjectKey(account: try row["account"], id: try row["object_id"]), try row["claims"] as Int64)
        }
        return Dictionary(claims) { first, _ in first }
    }

    /// Counts a fetch that begins.
    /// - Returns: its number among those of the object, from 1.
    func claimProviderObject(_ object: String, of account: String) throws -> Int64 {
        let key = ProviderObjectKey(account: account, id: object)
        return try claimProviderObjects([key])[key] ?? 0
    }

    /// One guarded statement: what was fetched first, or before something newer was seen, is not applied last. The row
    /// is locked until the transaction ends, so that states of an object are applied one at a time.
    /// - Parameters:
    ///   - claim: the number of the fetch.
    ///   - time: when it began.
    ///   - event: until when it contains what events tell; nil where nothing was fetched.
    /// - Returns: whether it is the newest.
    func advanceProviderObject(
        _ object: String, of account: String, to claim: Int64, fetchedAt time: Instant, telling event: Instant? = nil
    ) throws -> Bool {
        let told: SQL =
            event.map {
                ", event_created_at = CASE WHEN event_created_at > \($0) THEN event_created_at ELSE \($0) END"
            } ?? ""
        return try execute(
            """
            UPDATE provider_objects SET applied = \(claim), seen_at = \(time), touched_at = \(now)\(told)
            WHERE account = \(account) AND object_id = \(object) AND applied < \(claim)
                AND (seen_at IS NULL OR seen_at <= \(time))
            """
        ) == 1
    }

    /// As ``advanceProviderObject(_:of:to:fetchedAt:)``, of the response to a call.
    func advanceProviderObject(_ object: String, of account: String, seenAt time: Instant) throws -> Bool {
        try execute(
            """
            INSERT INTO provider_objects (account, object_id, claims, applied, seen_at, touched_at)
            VALUES (\(account), \(object), 0, 0, \(time), \(now))
            ON CONFLICT (account, object_id)
            DO UPDATE SET seen_at = excluded.seen_at, touched_at = excluded.touched_at
                WHERE provider_objects.seen_at IS NULL OR provider_objects.seen_at <= excluded.seen_at
            """
        ) == 1
    }

    /// As ``advanceProviderObject(_:of:to:fetchedAt:)``, of an object as an event delivers it.
    /// - Parameter time: the event's own.
    func advanceProviderObject(_ object: String, of account: String, deliveredAt time: Instant) throws -> Bool {
        try execute(
            """
            INSERT INTO provider_objects (account, object_id, claims, applied, event_created_at, touched_at)
            VALUES (\(account), \(object), 0, 0, \(time), \(now))
            ON CONFLICT (account, object_id)
            DO UPDATE SET event_created_at = excluded.event_created_at, touched_at = excluded.touched_at
                WHERE provider_objects.event_created_at IS NULL
                    OR provider_objects.event_created_at <= excluded.event_created_at
            """
        ) == 1
    }

    // MARK: Retention

    /// - Returns: the number of deleted rows, at most `limit`.
    func pruneProviderEvents(receivedBefore time: Instant, atMost limit: Int) throws -> Int {
        try execute(
            """
            DELETE FROM provider_events WHERE id IN (
                SELECT id FROM provider_events WHERE received_at < \(time) AND state <> 'received'
                ORDER BY received_at LIMIT \(limit))
            """
        )
    }

    /// - Returns: the number of deleted rows, at most `limit`.
    func pruneProviderObjects(touchedBefore time: Instant, atMost limit: Int) throws -> Int {
        try execute(
            """
            DELETE FROM provider_objects WHERE (account, object_id) IN (
                SELECT account, object_id FROM provider_objects WHERE touched_at < \(time)
                ORDER BY touched_at LIMIT \(limit))
            """
        )
    }

    // MARK: Poll

    func providerPoll() throws -> ProviderPoll? {
        try first("SELECT newest_at, pending_at, page_after FROM provider_polls WHERE name = 'events'") {
            ProviderPoll(
                newestAt: try $0["newest_at"], pendingAt: try $0["pending_at"], pageAfter: try $0["page_after"])
        }
    }

    func save(_ poll: ProviderPoll) throws {
        try execute(
            """
            INSERT INTO provider_polls (name, newest_at, pending_at, page_after, updated_at)
            VALUES ('events', \(poll.newestAt), \(poll.pendingAt), \(poll.pageAfter), \(now))
            ON CONFLICT (name) DO UPDATE
            SET newest_at = excluded.newest_at, pending_at = excluded.pending_at, page_after = excluded.page_after,
                updated_at = excluded.updated_at
            """
        )
    }
}

/// The columns of bound rows.
private enum ProviderEventColumns {
    static let events = SQL.Rows.Columns(
        ("event", .text), ("account_id", .text), ("provider_event", .text), ("event_type", .text),
        ("object_kind", .text), ("object", .text), ("created", .integer), ("came_by", .text), ("event_state", .text),
        ("delivered", .text), ("received", .integer), ("patience_end", .integer), ("settled", .integer),
        ("waits", .integer))
    static let objects = SQL.Rows.Columns(("account_id", .text), ("object", .text))
}
