import Modules

/// All SQL about accounts, postings and movements.
extension Transaction {
    /// - Returns: false when the owner used this operation key before.
    func insert(_ posting: Posting, _ id: ID<Posting>) throws -> Bool {
        try execute(
            """
            INSERT INTO ledger_postings (
                id, owner, unit, kind, operation_key, fingerprint, reason, corrects, occurred_at, recorded_at
            )
            VALUES (
                \(id), \(posting.owner), \(posting.unit), \(posting.kind), \(posting.operation), \(posting.fingerprint),
                \(posting.reason), \(posting.corrects), \(posting.occurredAt ?? now), \(now)
            )
            ON CONFLICT (owner, operation_key) DO NOTHING
            """
        ) == 1
    }

    func insert(
        _ movement: Movement, _ number: Int, from: ID<LedgerAccount>, to: ID<LedgerAccount>, of posting: Posting,
        _ id: ID<Posting>
    ) throws {
        try execute(
            """
            INSERT INTO ledger_movements (
                posting_id, number, unit, from_account, to_account, amount, subject, occurred_at
            )
            VALUES (
                \(id), \(number), \(posting.unit), \(from), \(to), \(movement.amount), \(movement.subject),
                \(posting.occurredAt ?? now)
            )
            """
        )
    }

    /// Changes a balance; inserts the account where it is new.
    /// - Returns: the account's id; nil when the balance is too low, and nothing has changed.
    func change(_ account: LedgerAccount, by change: Int64, orInsertAs id: ID<LedgerAccount>) throws -> ID<
        LedgerAccount
    >? {
        // Both engines check the constraints of the row to be inserted before they detect the conflict, so that an
        // upsert is possible only where the change itself satisfies them.
        if change < 0, !account.mayBeNegative {
            return try first(
                """
                UPDATE ledger_accounts SET balance = balance + \(change)
                WHERE owner = \(account.owner) AND unit = \(account.unit) AND name = \(account.name)
                    AND balance + \(change) >= 0
                RETURNING id
                """
            ) { try $0["id"] }
        }
        return try first(
            """
            INSERT INTO ledger_accounts (id, owner, name, unit, may_be_negative, balance)
            VALUES (\(id), \(account.owner), \(account.name), \(account.unit), \(account.mayBeNegative), \(change))
            ON CONFLICT (owner, unit, name) DO UPDATE SET balance = ledger_accounts.balance + excluded.balance
            RETURNING id
            """
        ) { try $0["id"] }
    }

    func lock(_ account: LedgerAccount, orInsertAs id: ID<LedgerAccount>) throws -> Int64 {
        try first(
            """
            INSERT INTO ledger_accounts (id, owner, name, unit, may_be_negative, balance)
            VALUES (\(id), \(account.owner), \(account.name), \(account.unit), \(account.mayBeNegative), 0)
            ON CONFLICT (owner, unit, name) DO UPDATE SET balance = ledger_accounts.balance
            RETURNING balance
            """
        )?["balance"] ?? 0
    }

    func ledgerBalances(of owner: String, in unit: LedgerUnit) throws -> [String: Int64] {
        try balances("SELECT name, balance FROM ledger_accounts WHERE owner = \(owner) AND unit = \(unit)")
    }

    func ledgerBalances(of owner: String, in unit: LedgerUnit, at moment: Instant) throws -> [String: Int64] {
        try balances(
            """
            SELECT name,
                (SELECT CAST(COALESCE(SUM(amount), 0) AS \(.integer)) FROM ledger_movements
                    WHERE to_account = ledger_accounts.id AND occurred_at <= \(moment))
                - (SELECT CAST(COALESCE(SUM(amount), 0) AS \(.integer)) FROM ledger_movements
                    WHERE from_account = ledger_accounts.id AND occurred_at <= \(moment)) AS balance
            FROM ledger_accounts WHERE owner = \(owner) AND unit = \(unit)
            """
        )
    }

    private func balances(_ query: SQL) throws -> [String: Int64] {
        Dictionary(try all(query) { (try $0["name"] as String, try $0["balance"] as Int64) }) { first, _ in first }
    }

    func ledgerEntry(_ condition: SQL, of owner: String) throws -> LedgerEntry? {
        try withSteps(
            all(
                "SELECT \(Self.postingColumns) FROM ledger_postings WHERE owner = \(owner) AND \(condition)",
                LedgerEntry.init)
        ).first
    }

    func ledgerEntries(
        of owner: String, in unit: LedgerUnit, until moment: Instant?, limit: Int, offset: Int
    ) throws -> (rows: [LedgerEntry], total: Int64) {
        var condition: SQL = "owner = \(owner) AND unit = \(unit)"
        if let moment { condition = "\(condition) AND occurred_at <= \(moment)" }
        let rows = try all(
            """
            SELECT \(Self.postingColumns) FROM ledger_postings WHERE \(condition)
            ORDER BY occurred_at DESC, id DESC LIMIT \(limit) OFFSET \(offset)
            """,
            LedgerEntry.init
        )
        return (try withSteps(rows), try count("SELECT COUNT(*) AS count FROM ledger_postings WHERE \(condition)"))
    }

    private func withSteps(_ entries: [LedgerEntry]) throws -> [LedgerEntry] {
        guard !entries.isEmpty else { return [] }
        let steps = try all(
            """
            SELECT posting_id, amount, subject, source.name AS from_name, target.name AS to_name
            FROM ledger_movements
                JOIN ledger_accounts AS source ON source.id = from_account
                JOIN ledger_accounts AS target ON target.id = to_account
            WHERE posting_id IN \(list: entries.map(\.id)) ORDER BY posting_id, number
            """
        ) { row in
            (
                try row["posting_id"] as ID<Posting>,
                LedgerEntry.Step(
                    amount: try row["amount"], from: try row["from_name"], to: try row["to_name"],
                    subject: try row["subject"])
            )
        }
        let byPosting = Dictionary(grouping: steps, by: \.0)
        return entries.map { entry in
            var entry = entry
            entry.steps = (byPosting[entry.id] ?? []).map(\.1)
            return entry
        }
    }

    /// Kinds, times and movements stay; movements have no owner of their own.
    func renameLedgerOwner(_ owner: String, to pseudonym: String) throws {
        try execute("UPDATE ledger_accounts SET owner = \(pseudonym) WHERE owner = \(owner)")
        try execute(
            """
            UPDATE ledger_postings SET owner = \(pseudonym), operation_key = id, fingerprint = '', reason = ''
            WHERE owner = \(owner)
            """
        )
    }

    private static var postingColumns: SQL { "id, kind, operation_key, fingerprint, reason, corrects, occurred_at" }
}

extension LedgerEntry {
    fileprivate init(row: Row) throws {
        id = try row["id"]
        kind = try row["kind"]
        operation = try row["operation_key"]
        fingerprint = try row["fingerprint"]
        reason = try row["reason"]
        corrects = try row["corrects"]
        occurredAt = try row["occurred_at"]
    }
}
