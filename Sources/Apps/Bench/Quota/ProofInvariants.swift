import Entitlements
import Foundation
import Modules

/// What became of all that was asked for, as the books and the reports of the processes have it.
protocol ProofAccount: Sendable {
    var attempts: Int { get }
    var admitted: Int { get }
    var refused: Int { get }
}

extension ProofAccount {
    /// Says how a proof ended.
    /// - Parameters:
    ///   - found: the violations, each as often as it was seen.
    ///   - units: where the units are.
    /// - Returns: how many violations there were.
    func conclude(_ outcome: KilledProcesses.Outcome, _ found: [String], _ units: String, _ say: (String) -> Void)
        -> Int
    {
        for fault in Set(found).sorted().prefix(20) { say("  ✘ \(fault)") }
        say(
            """
              attempts \(attempts), admitted \(admitted), refused \(refused), kills \(outcome.kills), looks \(outcome.looks)
              \(units)
              violations \(found.count)
            """
        )
        if admitted == 0 || refused == 0 {
            say("  The limit was not met, or nothing was admitted: this proves little. Give it more time.")
        }
        return found.count
    }
}

/// What has to hold at every moment, and what in the end.
struct ProofInvariants: Sendable {
    let database: any Database
    let limit: Int64

    struct Account: ProofAccount {
        var attempts = 0
        var admitted = 0
        var refused = 0
        /// Units.
        var used: Int64 = 0
        var acknowledged: Int64 = 0
        var unheard: Int64 = 0
        var beyond: Int64 = 0
        var held: Int64 = 0
        var unheardOf: [Unheard] = []
        var faults: [String] = []
    }

    /// An operation that was committed while its process died.
    struct Unheard: Sendable {
        let key: String
        let customer: Int
        let units: Int64
        let charged: Int64
    }

    private static var meter: String { ProofServer.meter.name }

    /// Lets the database itself look at every change of a counter, in the transaction that makes it.
    init(watching database: any Database, limit: Int64) async throws {
        self.database = database
        self.limit = limit
        let passed =
            "NEW.used + NEW.held > \(limit) AND NEW.meter = '\(Self.meter)' AND NEW.used + NEW.held > OLD.used + OLD.held"
        let beyond = """
            SELECT COALESCE(SUM(beyond), 0) FROM usage_entries WHERE organisation_id = NEW.organisation_id AND meter = NEW.meter
                AND period_start = NEW.period_start
            """
        let note = "INSERT INTO proof_violations (used, held) VALUES (NEW.used, NEW.held)"
        let statements: [String] =
            switch database.dialect {
            case .sqlite:
                [
                    "CREATE TRIGGER proof_watch AFTER UPDATE ON buckets WHEN \(passed) AND NEW.used + NEW.held > \(limit) + (\(beyond)) BEGIN \(note); END"
                ]
            case .postgres:
                [
                    """
                    CREATE FUNCTION proof_watch() RETURNS trigger LANGUAGE plpgsql AS $$
                    BEGIN
                        IF \(passed) THEN
                            IF NEW.used + NEW.held > \(limit) + (\(beyond)) THEN \(note); END IF;
                        END IF;
                        RETURN NULL;
                    END $$
                    """,
                    "CREATE TRIGGER proof_watch AFTER UPDATE ON buckets FOR EACH ROW EXECUTE FUNCTION proof_watch()",
                ]
            }
        try await database.write { transaction in
            try transaction.execute(
                "CREATE TABLE proof_violations (used \(.integer) NOT NULL, held \(.integer) NOT NULL) \(.strict)")
            for statement in statements { try transaction.execute(SQL(trusted: statement)) }
        }
    }

    /// Looks at one snapshot.
    func faults() async throws -> [String] {
        let meter = Self.meter
        return try await database.read { [limit] transaction in
            let entries: SQL = """
                FROM usage_entries WHERE organisation_id = buckets.organisation_id AND meter = buckets.meter AND period_start = buckets.period_start
                """
            let holds: SQL = """
                FROM reservations WHERE organisation_id = buckets.organisation_id AND meter = buckets.meter AND period_start = buckets.period_start
                    AND state = 'held'
                """
            let rows = try transaction.all(
                """
                SELECT used, held, CAST((SELECT COALESCE(SUM(beyond), 0) \(entries)) AS \(.integer)) AS beyond,
                    CAST((SELECT COALESCE(SUM(amount), 0) \(entries)) AS \(.integer)) AS entries,
                    CAST((SELECT COALESCE(SUM(amount), 0) \(holds)) AS \(.integer)) AS holds
                FROM buckets WHERE meter = \(meter)
                """
            )
            var faults = try transaction.all("SELECT used, held FROM proof_violations").map {
                "a change passed the limit: \($0.values)"
            }
            for row in rows {
                let row = try Levels(row)
                if row.used + row.held > limit + row.beyond {
                    faults.append("used \(row.used) + held \(row.held) > \(limit) + \(row.beyond)")
                }
                if row.used != row.entries { faults.append("used \(row.used), but the entries say \(row.entries)") }
                if row.held != row.holds { faults.append("held \(row.held), but the reservations say \(row.holds)") }
            }
            return faults
        }
    }

    /// Holds what the processes said against what is written down.
    func account(of lines: [ProofReport.Line]) async throws -> Account {
        var account = Account()
        let prefix = "\(Self.meter):"
        let (entries, held) = try await database.read { transaction in
            let rows = try transaction.all("SELECT operation_key, amount, beyond FROM usage_entries", Entry.init)
            return (
                rows, try transaction.count("SELECT CAST(COALESCE(SUM(held), 0) AS \(.integer)) AS count FROM buckets")
            )
        }
        account.held = held
        if held != 0 { account.faults.append("\(held) units are held two leases after the end") }
        var charged: [String: Int64] = [:]
        // Each customer's first unit was used by their making.
        for entry in entries where entry.key != "\(prefix)proof" {
            account.used += entry.amount
            account.beyond += entry.beyond
            charged[String(entry.key.dropFirst(prefix.count))] = entry.amount
        }

        var words: [String: ProofReport.Word] = [:]
        var asked: [String: [Int64]] = [:]
        for line in lines {
            switch line.word {
            case .asks:
                asked[line.key] = line.numbers
                account.attempts += 1
                continue
            case .committed:
                let units = line.numbers.first ?? 0
                account.acknowledged += units
                if charged[line.key, default: 0] != units {
                    account.faults.append(
                        "\(line.key) was acknowledged with \(units) units, and \(charged[line.key, default: 0]) are charged"
                    )
                }
            case .refused:
                account.refused += 1
                if charged[line.key] != nil { account.faults.append("\(line.key) was refused, and is charged") }
            case .released:
                if charged[line.key] != nil { account.faults.append("\(line.key) was released, and is charged") }
            case .abandoned, .failed: break
            }
            if words.updateValue(line.word, forKey: line.key) != nil {
                account.faults.append("\(line.key) ended twice")
            }
        }
        account.admitted = words.values.count { $0 == .committed || $0 == .released || $0 == .abandoned }
        // What was charged and never acknowledged can only be what was under way when its process was killed.
        for (key, units) in charged where words[key] != .committed {
            account.unheard += units
            if let numbers = asked[key], numbers.count == 2 {
                account.unheardOf.append(
                    Unheard(key: key, customer: Int(numbers[0]), units: numbers[1], charged: units))
            } else {
                account.faults.append("\(key) is charged, and nobody asked for it")
            }
            if words[key] != nil && words[key] != .failed {
                account.faults.append("\(key) is charged, although it ended as \(words[key]?.rawValue ?? "")")
            }
        }
        if account.used != account.acknowledged + account.unheard {
            account.faults.append(
                "\(account.used) units are used, and \(account.acknowledged) + \(account.unheard) are known")
        }
        return account
    }
}

/// A bucket, and what it is derived from.
private struct Levels {
    let used: Int64
    let held: Int64
    let beyond: Int64
    let entries: Int64
    let holds: Int64

    init(_ row: Row) throws {
        used = try row["used"]
        held = try row["held"]
        beyond = try row["beyond"]
        entries = try row["entries"]
        holds = try row["holds"]
    }
}

private struct Entry: Sendable {
    let key: String
    let amount: Int64
    let beyond: Int64

    init(row: Row) throws {
        key = try row["operation_key"]
        amount = try row["amount"]
        beyond = try row["beyond"]
    }
}
