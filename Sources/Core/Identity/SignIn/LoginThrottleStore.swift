import Modules

/// The SQL of login attempts: the account of a name, its failures and its known devices.
extension Transaction {
    /// The person whose address or user name has this key. For a key without an account a neighbouring row is read and
    /// discarded, so that both cases take the same time; a different neighbour for each key, since one row for all
    /// would stay cached.
    func person(signingInAs key: String) throws -> Person? {
        let found = try first(
            """
            SELECT id, 2 AS rank FROM people WHERE email_key = \(key) OR username_key = \(key)
            UNION ALL SELECT id, 1 FROM (
                SELECT id FROM people WHERE email_key > \(key) ORDER BY email_key LIMIT 1
            ) AS neighbour
            UNION ALL SELECT MIN(id), 0 FROM people
            ORDER BY rank DESC LIMIT 1
            """
        ) { (id: try $0["id"] as ID<Person>?, rank: try $0["rank"] as Int64) }
        guard let found, let id = found.id, let person = try person(id) else { return nil }
        return found.rank == 2 ? person : nil
    }

    /// Reads counters and locks them until the transaction ends. Missing rows are inserted, so that they can be locked.
    /// - Parameter buckets: in the order of ``LoginBuckets/all``.
    func lockFailures(in buckets: [LoginBucket]) throws -> [LoginBucket: FailureCount] {
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

    /// Writes locked counters; those without failures are deleted.
    ///
    /// Rows are deleted and inserted, not updated: an update would be faster, and the response time would show that an
    /// account had failures before.
    func save(_ counts: [LoginBucket: FailureCount]) throws {
        let counts = counts.sorted { $0.key.key < $1.key.key }
        try execute("DELETE FROM sign_in_failures WHERE bucket IN \(list: counts.map(\.key.key))")
        let kept = counts.filter { $0.value.failures > 0 }
        guard !kept.isEmpty else { return }
        let rows = SQL.rows(kept.map { "(\($0.key), \($1.failures), \($1.failedAt), \($1.refusedUntil))" })
        try execute("INSERT INTO sign_in_failures (bucket, failures, failed_at, refused_until) VALUES \(rows)")
    }

    func deleteFailures(in buckets: [LoginBucket]) throws {
        try execute("DELETE FROM sign_in_failures WHERE bucket IN \(list: buckets.map(\.key))")
    }

    /// Deletes expired counters among the next `count` rows in the order of their keys. There is no index by time: a
    /// failure would also update that index, and the time it takes would show when the account failed before.
    /// - Parameter last: the last key of the previous batch; empty for the first.
    /// - Returns: the last key of this batch; nil at the end of the table.
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

    /// - Parameter person: nil for a name without an account: the same query finds no row.
    /// - Returns: those of `devices` that the person has signed in from.
    func knownDevices(of person: ID<Person>?, among devices: [KnownDevice]) throws -> Set<KnownDevice> {
        let found: [String] = try all(
            """
            SELECT mark FROM known_devices
            WHERE person_id = \(person?.text ?? "") AND mark IN \(list: devices.map(\.mark))
                AND last_used_at > \(now - KnownDevice.retention)
            """
        ) { try $0["mark"] }
        return Set(devices.filter { found.contains($0.mark) })
    }

    /// Inserts or touches a known device, and deletes the least recently used ones beyond ``KnownDevice/countMax``.
    func save(_ device: KnownDevice, of person: ID<Person>) throws {
        try execute(
            """
            INSERT INTO known_devices (person_id, mark, last_used_at) VALUES (\(person), \(device.mark), \(now))
            ON CONFLICT (person_id, mark) DO UPDATE SET last_used_at = excluded.last_used_at
            """
        )
        try execute(
            """
            DELETE FROM known_devices WHERE person_id = \(person) AND mark NOT IN (
                SELECT mark FROM known_devices WHERE person_id = \(person)
                ORDER BY last_used_at DESC, mark LIMIT \(KnownDevice.countMax)
            )
            """
        )
    }

    /// Deletes at most `count` devices that were last used before `time`.
    /// - Returns: how many were deleted.
    func deleteKnownDevices(before time: Instant, atMost count: Int) throws -> Int {
        try execute(
            """
            DELETE FROM known_devices WHERE (person_id, mark) IN (
                SELECT person_id, mark FROM known_devices WHERE last_used_at < \(time)
                ORDER BY last_used_at LIMIT \(count) \(.skipLocked)
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
    /// Rows of values, separated by commas.
    fileprivate static func rows(_ rows: [SQL]) -> SQL {
        rows.dropFirst().reduce(rows.first ?? "") { $0 + ", " + $1 }
    }
}
