import Modules

/// The metrics that are read when they are scraped: the database, Redis and the clock.
extension Metrics {
    private static let operationTexts = [
        "gatehouse_redis_connected": "Whether this process is connected to Redis: 1 or 0.",
        "gatehouse_database_reachable": "Whether the database has answered within two seconds: 1 or 0.",
        "gatehouse_clock_difference_seconds": "Time of this machine's clock ahead of the database's.",
        "gatehouse_provider_events_oldest_waiting_seconds":
            "Waiting time of the oldest event of the payment provider that no attempt was made for.",
        "gatehouse_database_sqlite_commit_groups_total": "Commits, each of a group of transactions.",
        "gatehouse_database_sqlite_commit_writes_total": "Transactions that these commits have made durable.",
        "gatehouse_database_sqlite_commit_group_writes_last": "Transactions of the last commit.",
        "gatehouse_database_sqlite_commit_group_writes_mean": "Transactions of a commit, since the start.",
        "gatehouse_database_sqlite_writes_waiting": "Transactions that wait for the writer.",
        "gatehouse_database_sqlite_reads_waiting": "Reads that wait for a connection.",
        "gatehouse_database_sqlite_readers": "Connections that read.",
        "gatehouse_database_sqlite_wal_bytes": "The size of the write-ahead log.",
        "gatehouse_database_sqlite_checkpoints_total": "Passes that copied the write-ahead log into the database.",
        "gatehouse_database_postgres_connections": "Open connections of the pool.",
        "gatehouse_database_postgres_connections_idle": "Connections of the pool that are not in use.",
        "gatehouse_database_postgres_waiting": "Transactions that wait for a connection.",
        "gatehouse_database_postgres_retries_total": "Transactions that were repeated after a conflict.",
        "gatehouse_database_postgres_reconnects_total": "Connections that were opened anew after one was lost.",
        "gatehouse_database_postgres_listening": "Whether the connection for notifications is open: 1 or 0.",
        "gatehouse_database_postgres_notifications_sent_total": "Notifications sent to other processes.",
        "gatehouse_database_postgres_notifications_received_total": "Notifications received.",
    ]

    /// Sets their HELP lines.
    func describeOperations() {
        for (name, text) in Self.operationTexts { describe(name, text) }
    }

    /// - Parameter numbers: ``Database/gauges``. Those whose names end in `_total` only grow: they are counters.
    func setDatabase(_ numbers: [String: Double]) {
        for (name, value) in numbers {
            let name = "gatehouse_database_\(name)"
            if name.hasSuffix("_total") { counter(name).set(to: value) } else { set(name, to: value) }
        }
    }
}
