import Entitlements
import Foundation
import Modules

/// The counts of a proof, by the database and the reports of the processes.
protocol ProofResult: Sendable {
    var attempts: Int { get }
    var admitted: Int { get }
    var refused: Int { get }
}

extension ProofResult {
    /// Writes the result of a proof.
    /// - Parameters:
    ///   - found: the violations, each as often as it was found.
    ///   - units: a line about the units.
    /// - Returns: the number of violations.
    func report(_ outcome: KilledProcesses.Outcome, _ found: [String], _ units: String, _ write: (String) -> Void)
        -> Int
    {
        for fault in Set(found).sorted().prefix(20) { write("  ✘ \(fault)") }
        write(
            """
              attempts \(attempts), admitted \(admitted), refused \(refused), kills \(outcome.kills), \
            checks \(outcome.checks)
              \(units)
              violations \(found.count)
            """
        )
        if admitted == 0 || refused == 0 {
            write("  No attempt was refused, or none was admitted: the result proves little. Run it longer.")
        }
        return found.count
    }
}

/// The invariants that hold at every moment and at the end.
struct ProofInvariants: Sendable {
    let database: any Database
    let limit: Int64

    struct Result: ProofResult {
        var attempts = 0
        var admitted = 0
        var refused = 0
        /// Units.
        var used: Int64 = 0
        var acknowledged: Int64 = 0
        var unanswered: Int64 = 0
        var beyond: Int64 = 0
        var held: Int64 = 0
        var unansweredOperations: [Unanswered] = []
        var faults: [String] = []
    }

    /// An operation that was committed, and whose process was killed before it reported that.
    struct Unanswered: Sendable {
        let key: String
        let account: Int
        let units: Int64
        let charged: Int64
    }

    private static var meter: String { ProofServer.meter.name }

    /// Creates triggers that check every change of a bucket in its transaction.
    init(watching database: any Database, limit: Int64) async throws {
        self.database = database
        self.limit = limit
        let passed =
            "NEW.used + NEW.held > \(limit) AND NEW.meter = '\(Self.meter)' "
            + "AND NEW.used + NEW.held > OLD.used + OLD.held"
        let beyond = """
            SELECT COALESCE(SUM(beyond), 0) FROM usage_entries WHERE organisation_id = NEW.organisation_id
                AND meter = NEW.meter AND period_start = NEW.period_start
            """
        let note = "INSERT INTO proof_violations (used, held) VALUES (NEW.used, NEW.held)"
        let statements: [String] =
            switch database.dialect {
            case .sqlite:
                [
                    """
                    CREATE TRIGGER proof_check AFTER UPDATE ON buckets
                    WHEN \(passed) AND NEW.used + NEW.held > \(limit) + (\(beyond)) BEGIN \(note); END
                    """
                ]
            case .postgres:
                [
                    """
                    CREATE FUNCTION proof_check() RETURNS trigger LANGUAGE plpgsql AS $$
                    BEGIN
                        IF \(passed) THEN
                            IF NEW.used + NEW.held > \(limit) + (\(beyond)) THEN \(note); END IF;
                        END IF;
                        RETURN NULL;
                    END $$
                    """,
                    "CREATE TRIGGER proof_check AFTER UPDATE ON buckets FOR EACH ROW EXECUTE FUNCTION proof_check()",
                ]
            }
        try await database.write { transaction in
            try transaction.execute(
                "CREATE TABLE proof_violations (used \(.integer) NOT NULL, held \(.integer) NOT NULL) \(.strict)")
            for statement in statements { try transaction.execute(SQL(trusted: statement)) }
        }
    }

    /// The violations in one snapshot.
    func faults() async throws -> [String] {
        let meter = Self.meter
        return try await database.read { [limit] transaction in
            let entries: SQL = """
                FROM usage_entries WHERE organisation_id = buckets.organisation_id AND meter = buckets.meter
                    AND period_start = buckets.period_start
                """
            let holds: SQL = """
                FROM reservations WHERE organisation_id = buckets.organisation_id AND meter = buckets.meter
                    AND period_start = buckets.period_start AND state = 'held'
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
                "a change exceeded the limit: \($0.values)"
            }
            for row in rows {
                let row = try Levels(row)
                if row.used + row.held > limit + row.beyond {
                    faults.append("used \(row.used) + held \(row.held) > \(limit) + \(row.beyond)")
                }
                if row.used != row.entries {
                    faults.append("used \(row.used), but the usage entries add up to \(row.entries)")
                }
                if row.held != row.holds {
                    faults.append("held \(row.held), but the reservations add up to \(row.holds)")
                }
            }
            return faults
        }
    }

    /// Compares the reports of the processes with the usage entries.
    func result(of lines: [ProofReport.Line]) async throws -> Result {
        var result = Result()
        let prefix = "\(Self.meter):"
        let (entries, held) = try await database.read { transaction in
            let rows = try transaction.all("SELECT operation_key, amount, beyond FROM usage_entries", Entry.init)
            return (
                rows, try transaction.count("SELECT CAST(COALESCE(SUM(held), 0) AS \(.integer)) AS count FROM buckets")
            )
        }
        result.held = held
        if held != 0 { result.faults.append("\(held) units are held two leases after the end") }
        var charged: [String: Int64] = [:]
        // The registration of each account used one unit.
        for entry in entries where entry.key != "\(prefix)proof" {
            result.used += entry.amount
            result.beyond += entry.beyond
            charged[String(entry.key.dropFirst(prefix.count))] = entry.amount
        }

        var ends: [String: ProofReport.Event] = [:]
        var requested: [String: [Int64]] = [:]
        for line in lines {
            switch line.event {
            case .requested:
                requested[line.key] = line.numbers
                result.attempts += 1
                continue
            case .committed:
                let units = line.numbers.first ?? 0
                result.acknowledged += units
                if charged[line.key, default: 0] != units {
                    result.faults.append(
                        "\(line.key) was acknowledged with \(units) units, "
                            + "and \(charged[line.key, default: 0]) are charged"
                    )
                }
            case .refused:
                result.refused += 1
                if charged[line.key] != nil { result.faults.append("\(line.key) was refused, and is charged") }
            case .released:
                if charged[line.key] != nil { result.faults.append("\(line.key) was released, and is charged") }
            case .abandoned, .failed: break
            }
            if ends.updateValue(line.event, forKey: line.key) != nil {
                result.faults.append("\(line.key) ended twice")
            }
        }
        result.admitted = ends.values.count { $0 == .committed || $0 == .released || $0 == .abandoned }
        // An operation that was charged and not acknowledged was in progress when its process was killed.
        for (key, units) in charged where ends[key] != .committed {
            result.unanswered += units
            if let numbers = requested[key], numbers.count == 2 {
                result.unansweredOperations.append(
                    Unanswered(key: key, account: Int(numbers[0]), units: numbers[1], charged: units))
            } else {
                result.faults.append("\(key) is charged, and has no request")
            }
            if ends[key] != nil && ends[key] != .failed {
                result.faults.append("\(key) is charged, although it ended as \(ends[key]?.rawValue ?? "")")
            }
        }
        if result.used != result.acknowledged + result.unanswered {
            result.faults.append(
                "\(result.used) units are used, and \(result.acknowledged) + \(result.unanswered) are accounted for")
        }
        return result
    }
}

/// A bucket and the sums of its usage entries and reservations.
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
