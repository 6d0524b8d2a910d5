import App
import Entitlements
import Foundation
import Modules

/// As ``QuotaProof``, with units that are drawn from escrow blocks: the blocks of a killed process count as used, and
/// apart from them only acknowledged units and units of unanswered draws do.
struct EscrowProof {
    let folder: String
    let database: String
    let engine: ProveCommand.Engine
    let seconds: Int

    private static let accounts = 4
    private var processes: Int { engine == .sqlite ? 1 : 4 }
    private let tasks = 60
    /// Reached before the end, but not at once.
    private var limit: Int64 { (engine == .sqlite ? 400 : 120) * Int64(seconds) }

    /// - Returns: the number of violations.
    func run(_ write: (String) -> Void) async throws -> Int {
        write(
            "\(engine), by escrow: \(processes) × \(tasks) tasks for \(seconds) s, killed every 1–2 s; "
                + "\(Self.accounts) limits of \(limit)")
        let server = try await ProofServer(folder: folder, database: database, connections: 4, limit: limit)
        let tokens = try await server.registerAccounts(Self.accounts)
        let invariants = try await ProofInvariants(watching: server.app.database, limit: limit)

        let arguments = ["--tasks", "\(tasks)", "--connections", "8", "--escrow"]
        let killed = KilledProcesses(
            folder: folder, database: database, count: processes, arguments: arguments, pause: 1_000...2_000)
        let outcome = try await killed.run(seconds: seconds, checking: invariants)
        var found = outcome.faults

        // Starting a node resolves the reservations of its earlier processes without waiting for leases.
        try await server.app.waitUntilQuiet()
        for node in 0..<processes {
            _ = try await server.app.entitlements.recovery.startNode(as: killed.name(of: node))
        }
        found += try await invariants.faults()
        let result = try await invariants.escrowResult(
            of: killed.reports(), organisations: server.organisations(of: tokens))
        found += result.faults
        await server.app.database.close()

        return result.report(
            outcome, found,
            """
            used \(result.used) = acknowledged \(result.acknowledged) \
            + of killed processes \(result.used - result.acknowledged), \
            of which expired blocks are \(result.expired); held \(result.held)
            """,
            write
        )
    }
}

extension ProofServer {
    /// The organisations of the accounts of these tokens.
    fileprivate func organisations(of tokens: [String]) async throws -> [String] {
        var all: [String] = []
        for token in tokens { all.append(try await charge(token, units: 1, .escrow).organisation.text) }
        return all
    }
}

extension ProofInvariants {
    struct EscrowResult: ProofResult {
        var attempts = 0
        var admitted = 0
        var refused = 0
        /// Units.
        var used: Int64 = 0
        var acknowledged: Int64 = 0
        /// Of blocks whose lease expired.
        var expired: Int64 = 0
        var held: Int64 = 0
        var faults: [String] = []
    }

    /// Compares the reports of the processes with the buckets, one account after the other.
    /// - Parameter organisations: in the order of the accounts' numbers in the reports.
    func escrowResult(of lines: [ProofReport.Line], organisations: [String]) async throws -> EscrowResult {
        let meter = ProofServer.meter.name
        let levels = try await database.read { transaction in
            try transaction.all(
                """
                SELECT organisation_id, used, held, CAST((SELECT COALESCE(SUM(amount), 0) FROM reservations
                    WHERE organisation_id = buckets.organisation_id AND meter = buckets.meter AND is_block = 1
                        AND state = 'committed' AND fence > 1
                ) AS \(.integer)) AS expired FROM buckets WHERE meter = \(meter)
                """,
                EscrowLevel.init
            )
        }
        var requested: [String: (account: Int, units: Int64)] = [:]
        var (acknowledged, open, smallestRefused) = ([Int: Int64](), [Int: Int64](), [Int: Int64]())
        var result = EscrowResult()
        for line in lines {
            if line.event == .requested {
                guard line.numbers.count == 2 else { continue }
                requested[line.key] = (Int(line.numbers[0]), line.numbers[1])
                open[Int(line.numbers[0]), default: 0] += line.numbers[1]
                result.attempts += 1
                continue
            }
            guard let (account, units) = requested[line.key] else {
                result.faults.append("\(line.key) has a result, and no request")
                continue
            }
            switch line.event {
            case .committed:
                result.admitted += 1
                acknowledged[account, default: 0] += units
                open[account, default: 0] -= units
            case .refused:
                result.refused += 1
                smallestRefused[account] = min(smallestRefused[account] ?? .max, units)
                open[account, default: 0] -= units
            // After a failure it is open whether units were drawn.
            default: break
            }
        }
        for (account, organisation) in organisations.enumerated() {
            guard let level = levels.first(where: { $0.organisation == organisation }) else { continue }
            // The registration of the account used the first unit.
            let (used, reported, unanswered) = (
                level.used - 1, acknowledged[account, default: 0], open[account, default: 0]
            )
            result.used += used
            result.acknowledged += reported
            result.expired += level.expired
            result.held += level.held
            if level.held != 0 {
                result.faults.append("\(level.held) units of account \(account) are held without a process")
            }
            if level.used > limit { result.faults.append("account \(account) used \(level.used) of \(limit)") }
            if used < reported {
                result.faults.append("account \(account) has \(reported) acknowledged units, and \(used) used ones")
            }
            if used > reported + level.expired + unanswered {
                result.faults.append(
                    "account \(account) used \(used), of which \(reported) are acknowledged, \(level.expired) expired "
                        + "and \(unanswered) unanswered"
                )
            }
            // Used units are never released, and units of other blocks are no reason to refuse: after a refusal the
            // whole limit is used in the end.
            if let units = smallestRefused[account], level.used + units <= limit {
                result.faults.append(
                    "account \(account) was refused \(units) units with \(level.used) of \(limit) used in the end")
            }
        }
        return result
    }
}

private struct EscrowLevel: Sendable {
    let organisation: String
    let used: Int64
    let held: Int64
    let expired: Int64

    init(row: Row) throws {
        organisation = try row["organisation_id"]
        used = try row["used"]
        held = try row["held"]
        expired = try row["expired"]
    }
}
