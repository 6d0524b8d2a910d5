import Modules

/// Every SQL statement about signing in: who is meant, what failed before, and which places are familiar.
extension Transaction {
    /// Finds the person whom a name, as its key, stands for. For a name that nobody has the person next to it is read and put aside, so that it
    /// takes as long: somebody else for each name, or else they would be at hand where others have to be looked for.
    func claimant(named key: String) throws -> Person? {
        let found = try first(
            """
            SELECT id, 2 AS rank FROM people WHERE email_key = \(key) OR username_key = \(key)
            UNION ALL SELECT id, 1 FROM (SELECT id FROM people WHERE email_key > \(key) ORDER BY email_key LIMIT 1) AS neighbour
            UNION ALL SELECT MIN(id), 0 FROM people
            ORDER BY rank DESC LIMIT 1
            """
        ) { (id: try $0["id"] as ID<Person>?, rank: try $0["rank"] as Int64) }
        guard let found, let id = found.id, let person = try person(id) else { return nil }
        return found.rank == 2 ? person : nil
    }

    /// Reads counters and locks them until the transaction ends; those that were not there are made, so that there is something to lock.
    /// - Parameter buckets: in the order in which everybody locks them.
    func lockFailures(in buckets: [Bucket]) throws -> [Bucket: FailureCount] {
        let rows = SQL.rows(buckets.map { "(\($0.key), 0, \(now), \(now))" })
        let found = try all(
            """
            INSERT INTO sign_in_failures (bucket, failures, failed_at, refused_until) VALUES \(rows)
            ON CONFLICT (bucket) DO UPDATE SET failures = sign_in_failures.failures
            RETURNING bucket, failures, failed_at, refused_until
            """
        ) { (try $0["bucket"] as String, try FailureCount(row: $0)) }
        let counts = Dictionary(found) { first, _ in first }
        return Dictionary(uniqueKeysWithValues: buckets.map { ($0, counts[$0.key] ?? FailureCount(at: now)) })
    }

    /// Writes counters that are locked; those that count nothing are not kept.
    ///
    /// Rows are written anew, not changed: from the time that a mere change saves a stranger could tell an account that failed before from others.
    func save(_ counts: [Bucket: FailureCount]) throws {
        let counts = counts.sorted { $0.key.key < $1.key.key }
        try execute("DELETE FROM sign_in_failures WHERE bucket IN \(list: counts.map(\.key.key))")
        let kept = counts.filter { $0.value.failures > 0 }
        guard !kept.isEmpty else { return }
        let rows = SQL.rows(kept.map { "(\($0.key), \($1.failures), \($1.failedAt), \($1.refusedUntil))" })
        try execute("INSERT INTO sign_in_failures (bucket, failures, failed_at, refused_until) VALUES \(rows)")
    }

    func deleteFailures(in buckets: [Bucket]) throws {
        try execute("DELETE FROM sign_in_failures WHERE bucket IN \(list: buckets.map(\.key))")
    }

    /// Deletes counters that nobody remembers any more, among the next `count` of them in the order of their keys. They have no index by their time:
    /// each failure would have to be entered there as well, and the place of the entry would tell when the account failed before.
    /// - Parameter last: the key that the step before ended with; empty for the first.
    /// - Returns: the key to go on behind; nil at the end.
    func deleteFailures(before time: Instant, after last: String, among count: Int) throws -> String? {
        let end = try first(
            "SELECT bucket FROM sign_in_failures WHERE bucket > \(last) ORDER BY bucket LIMIT 1 OFFSET \(count - 1)"
        ) {
            try $0["bucket"] as String
        }
        let upTo: SQL = end.map { "AND bucket <= \($0)" } ?? ""
        try execute(
            """
            DELETE FROM sign_in_failures WHERE bucket IN (
                SELECT bucket FROM sign_in_failures
                WHERE bucket > \(last) \(upTo) AND failed_at < \(time) AND refused_until < \(now) \(.skipLocked)
            )
            """
        )
        return end
    }

    /// - Parameter person: nil for a name that nobody has: the same is looked for, and not found.
    /// - Returns: those of `places` where the person signed in before.
    func familiarPlaces(of person: ID<Person>?, among places: [KnownDevice]) throws -> Set<KnownDevice> {
        let found: [String] = try all(
            """
            SELECT mark FROM known_devices
            WHERE person_id = \(person?.text ?? "") AND mark IN \(list: places.map(\.mark)) AND last_used_at > \(now - KnownDevice.memory)
            """
        ) { try $0["mark"] }
        return Set(places.filter { found.contains($0.mark) })
    }

    /// Remembers where a person signed in; of too many places the ones least used are forgotten.
    func remember(_ place: KnownDevice, of person: ID<Person>) throws {
        try execute(
            """
            INSERT INTO known_devices (person_id, mark, last_used_at) VALUES (\(person), \(place.mark), \(now))
            ON CONFLICT (person_id, mark) DO UPDATE SET last_used_at = excluded.last_used_at
            """
        )
        try execute(
            """
            DELETE FROM known_devices WHERE person_id = \(person) AND mark NOT IN (
                SELECT mark FROM known_devices WHERE person_id = \(person) ORDER BY last_used_at DESC, mark LIMIT \(KnownDevice.countMax)
            )
            """
        )
    }

    /// - Returns: how many places that nobody used for long were deleted, `count` at most.
    func deleteFamiliarPlaces(before time: Instant, atMost count: Int) throws -> Int {
        try execute(
            """
            DELETE FROM known_devices WHERE (person_id, mark) IN (
                SELECT person_id, mark FROM known_devices WHERE last_used_at < \(time) ORDER BY last_used_at LIMIT \(count) \(.skipLocked)
            )
            """
        )
    }
}

extension FailureCount {
    init(row: Row) throws {
        self.init(failures: try row["failures"], failedAt: try row["failed_at"], refusedUntil: try row["refused_until"])
    }
}

extension SQL {
    /// Rows of values, one after another.
    fileprivate static func rows(_ rows: [SQL]) -> SQL {
        rows.dropFirst().reduce(rows.first ?? "") { $0 + ", " + $1 }
    }
}

enum LoginThrottleSchema {
    static let lockout = Migration(
        "identity-007-lockout",
        """
        CREATE TABLE sign_in_failures (
            bucket TEXT PRIMARY KEY NOT NULL,
            failures \(.integer) NOT NULL CHECK (failures >= 0),
            failed_at \(.integer) NOT NULL,
            refused_until \(.integer) NOT NULL CHECK (refused_until >= failed_at)
        ) \(.strict)
        """,
        "CREATE INDEX sign_in_failures_by_time ON sign_in_failures (failed_at)",
        """
        CREATE TABLE known_devices (
            person_id TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
            mark TEXT NOT NULL,
            last_used_at \(.integer) NOT NULL,
            PRIMARY KEY (person_id, mark)
        ) \(.strict)
        """,
        "CREATE INDEX known_devices_by_time ON known_devices (last_used_at)"
    )

    /// A counter stands where its key is, so that one that was there before is written in the same place as a new one, and takes as long.
    static let failuresByKey = Migration(
        "identity-013-failures-by-key",
        """
        CREATE TABLE sign_in_failures_by_key (
            bucket TEXT PRIMARY KEY NOT NULL,
            failures \(.integer) NOT NULL CHECK (failures >= 0),
            failed_at \(.integer) NOT NULL,
            refused_until \(.integer) NOT NULL CHECK (refused_until >= failed_at)
        ) \(.strictByKey)
        """,
        """
        INSERT INTO sign_in_failures_by_key (bucket, failures, failed_at, refused_until)
        SELECT bucket, failures, failed_at, refused_until FROM sign_in_failures
        """,
        "DROP TABLE sign_in_failures",
        "ALTER TABLE sign_in_failures_by_key RENAME TO sign_in_failures"
    )
}
