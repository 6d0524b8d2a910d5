import App
import Entitlements
import Foundation
import Modules

/// As ``QuotaProof``, with units that are drawn from blocks: what a process that is killed had in hand counts as used, and nothing else is
/// ever counted that nobody was told of.
struct EscrowProof {
    let folder: String
    let database: String
    let engine: ProveCommand.Engine
    let seconds: Int

    private static let customers = 4
    private var processes: Int { engine == .sqlite ? 1 : 4 }
    private let tasks = 60
    /// Met before the end, and not at once.
    private var limit: Int64 { 400 * Int64(seconds) }

    /// - Returns: how many violations there were.
    func run(_ say: (String) -> Void) async throws -> Int {
        say(
            "\(engine), by escrow: \(processes) × \(tasks) tasks for \(seconds) s, killed every 1–2 s; \(Self.customers) limits of \(limit)"
        )
        let house = try await ProofServer(folder: folder, database: database, connections: 4, limit: limit)
        let tokens = try await house.makeCustomers(Self.customers)
        let books = try await ProofInvariants(watching: house.app.database, limit: limit)

        let arguments = ["--tasks", "\(tasks)", "--connections", "8", "--escrow"]
        let killed = KilledProcesses(
            folder: folder, database: database, count: processes, arguments: arguments, pause: 1_000...2_000)
        let outcome = try await killed.run(seconds: seconds, lookingInto: books)
        var found = outcome.faults

        // The next life of each node resolves what it left behind; nobody waits for a lease.
        for node in 0..<processes { _ = try await house.app.entitlements.recovery.startNode(as: killed.name(of: node)) }
        found += try await books.faults()
        let account = try await books.escrowAccount(
            of: killed.reports(), organisations: house.organisations(of: tokens))
        found += account.faults
        await house.app.database.close()

        return account.conclude(
            outcome, found,
            """
            used \(account.used) = acknowledged \(account.acknowledged) + in the hands of killed processes \(account.used - account.acknowledged), \
            of which their blocks were \(account.lost); held \(account.held)
            """,
            say
        )
    }
}

extension ProofServer {
    /// Whose tokens they are, in their order.
    fileprivate func organisations(of tokens: [String]) async throws -> [String] {
        var all: [String] = []
        for token in tokens { all.append(try await charge(token, units: 1, .escrow).organisation.text) }
        return all
    }
}

extension ProofInvariants {
    struct EscrowAccount: ProofAccount {
        var attempts = 0
        var admitted = 0
        var refused = 0
        /// Units.
        var used: Int64 = 0
        var acknowledged: Int64 = 0
        /// Of blocks that nobody committed.
        var lost: Int64 = 0
        var held: Int64 = 0
        var faults: [String] = []
    }

    /// Holds what the processes said against what is written down, customer by customer.
    /// - Parameter organisations: in the order in which the lines number them.
    func escrowAccount(of lines: [ProofReport.Line], organisations: [String]) async throws -> EscrowAccount {
        let meter = ProofServer.meter.name
        let levels = try await database.read { transaction in
            try transaction.all(
                """
                SELECT organisation_id, used, held, CAST((SELECT COALESCE(SUM(amount), 0) FROM reservations
                    WHERE organisation_id = buckets.organisation_id AND meter = buckets.meter AND is_block = 1 AND state = 'committed' AND fence > 1
                ) AS \(.integer)) AS lost FROM buckets WHERE meter = \(meter)
                """,
                EscrowLevel.init
            )
        }
        var asked: [String: (customer: Int, units: Int64)] = [:]
        var (acknowledged, open, smallestRefused) = ([Int: Int64](), [Int: Int64](), [Int: Int64]())
        var account = EscrowAccount()
        for line in lines {
            if line.word == .asks {
                guard line.numbers.count == 2 else { continue }
                asked[line.key] = (Int(line.numbers[0]), line.numbers[1])
                open[Int(line.numbers[0]), default: 0] += line.numbers[1]
                account.attempts += 1
                continue
            }
            guard let (customer, units) = asked[line.key] else {
                account.faults.append("\(line.key) was answered, and nobody asked for it")
                continue
            }
            switch line.word {
            case .committed:
                account.admitted += 1
                acknowledged[customer, default: 0] += units
                open[customer, default: 0] -= units
            case .refused:
                account.refused += 1
                smallestRefused[customer] = min(smallestRefused[customer] ?? .max, units)
                open[customer, default: 0] -= units
            // An answer that failed says nothing about what was taken.
            default: break
            }
        }
        for (customer, organisation) in organisations.enumerated() {
            guard let level = levels.first(where: { $0.organisation == organisation }) else { continue }
            // The first unit was used by the customer's making.
            let (used, told, unheard) = (level.used - 1, acknowledged[customer, default: 0], open[customer, default: 0])
            account.used += used
            account.acknowledged += told
            account.lost += level.lost
            account.held += level.held
            if level.held != 0 {
                account.faults.append("\(level.held) units of customer \(customer) are held by nobody")
            }
            if level.used > limit { account.faults.append("customer \(customer) used \(level.used) of \(limit)") }
            if used < told {
                account.faults.append("customer \(customer) was told of \(told) units, and \(used) are used")
            }
            if used > told + level.lost + unheard {
                account.faults.append(
                    "customer \(customer) used \(used), of which \(told) were told, \(level.lost) lost and \(unheard) not heard of"
                )
            }
            // Nothing that is used comes back, and a block that others hold is no reason: who is refused finds all of it used for good.
            if let units = smallestRefused[customer], level.used + units <= limit {
                account.faults.append(
                    "customer \(customer) was refused \(units) units with \(level.used) of \(limit) used in the end")
            }
        }
        return account
    }
}

private struct EscrowLevel: Sendable {
    let organisation: String
    let used: Int64
    let held: Int64
    let lost: Int64

    init(row: Row) throws {
        organisation = try row["organisation_id"]
        used = try row["used"]
        held = try row["held"]
        lost = try row["lost"]
    }
}
