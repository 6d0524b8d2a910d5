import App
import Billing
import Foundation
import Modules
import Stripe
import TestKit
import TestStripe

/// Two processes that pay out the same list, are killed at random times and at their writes, and whose requests the
/// provider answers with faults. Afterwards each payout has one transfer at the provider, or none and its money is
/// back; and the ledger equals what the provider has counted, to the cent in each currency.
struct PayoutProof {
    let folder: String
    let database: String
    let engine: ProveCommand.Engine
    let count: Int
    let seed: UInt64

    private static let processes = 2
    /// Of the requests with an effect, in thousandths.
    private static let faults: UInt64 = 200
    /// As `faults`, while the jobs follow what is open: much of it stays unknown until it has to be looked up.
    private static let laterFaults: UInt64 = 800
    /// The most kills before the processes are left to end.
    private var killsMax: Int { min(400, max(10, count / 25)) }
    /// Jobs that run at once.
    private static let jobs = 8

    /// - Returns: the number of violations.
    func run(_ write: @escaping @Sendable (String) -> Void) async throws -> Int {
        write(
            "\(engine): \(count) payouts in \(PayoutPlan.currencies.count) currencies, \(Self.processes) processes, "
                + "faults in \(Self.faults / 10) % of the requests; seed \(seed)")
        let offset = OffsetClock()
        let stripe = try await TestStripeServer.start(now: { offset.now })
        let server = try await PayoutServer(folder: folder, database: database, provider: BenchProvider(stripe))
        let plan = try await server.prepare(count, stripe, isRestricted: true)
        let started = ContinuousClock.now
        stripe.failAtRandom(thousandths: Self.faults, seed: seed)
        let kills = Counter()
        try await Progress.write(to: write) { [app = server.app] in
            let states = try await Self.states(in: app.database)
            return "\(states); \(kills.count) kills"
        } during: {
            try await work(stripe, kills)
        }
        let rate = Double(count) / (ContinuousClock.now - started).inSeconds
        var found = try await allInvariants.faults(in: server.app.database)
        try await settle(server, stripe, offset, write)
        found += try await allInvariants.faults(in: server.app.database)
        let result = try await compare(plan, server, stripe)
        found += result.faults
        for fault in Set(found).sorted().prefix(20) { write("  ✘ \(fault)") }
        write(
            """
              payouts \(count) (\(Int(rate)) a second), kills \(kills.count), transferred \(result.transferred), \
            reversed \(result.reversed), canceled \(result.canceled), refused \(result.refused)
              transfers at the provider \(result.transfers), of which \(result.found) were found by their group
              violations \(found.count)
            """)
        await server.app.close()
        await stripe.stop()
        return found.count
    }

    /// The number of payouts in each state, as text.
    private static func states(in database: any Database) async throws -> String {
        try await database.read { transaction in
            try transaction.all("SELECT state, COUNT(*) AS count FROM payouts GROUP BY state ORDER BY state") {
                "\(try $0.read("state", as: String.self)) \(try $0.read("count", as: Int64.self))"
            }
        }.joined(separator: ", ")
    }

    /// Runs the processes until they end by themselves, and kills and restarts them meanwhile.
    private func work(_ stripe: TestStripeServer, _ kills: Counter) async throws {
        try await KilledWorkers(
            folder: folder, count: Self.processes, killsMax: killsMax, writesMax: min(400, max(40, count)),
            arguments: ["payout-work", "--folder", folder, "--database", database] + BenchProvider(stripe).arguments,
            seed: seed
        ).run(counting: kills)
    }

    /// Runs the jobs until no outcome is unknown: first within the lifetime of the provider's keys, then after it, when
    /// transfers are looked up.
    private func settle(
        _ server: PayoutServer, _ stripe: TestStripeServer, _ offset: OffsetClock,
        _ write: @escaping @Sendable (String) -> Void
    ) async throws {
        stripe.failAtRandom(thousandths: Self.laterFaults, seed: seed &+ 1)
        var hours: Int64 = 1
        while hours <= Self.settledWithin {
            if hours > 27 { stripe.stopFailing() }
            server.clock.set(offset: .hours(hours))
            offset.set(offset: .hours(hours))
            try await Progress.write(to: write) { [app = server.app, hours] in
                let jobs = try await app.database.read { transaction in
                    try transaction.count("SELECT COUNT(*) AS count FROM jobs WHERE finished_at IS NULL")
                }
                let states = try await Self.states(in: app.database)
                return "\(hours) h later, \(jobs) jobs; \(states)"
            } during: {
                try await server.app.runDueJobs(together: Self.jobs)
            }
            let open = try await server.app.database.read { transaction in
                try transaction.count(
                    """
                    SELECT COUNT(*) AS count FROM payouts
                    WHERE state IN ('requested', 'reserved', 'sending', 'unknown', 'reversing')
                    """)
            }
            if hours > 33, open == 0 { return }
            hours += hours < 25 ? 12 : 2
        }
    }

    /// Hours. The monthly payouts of what remains begin on the first day of a month, which may be within the proof.
    private static let settledWithin: Int64 = 101

    private struct Result {
        var transferred = 0
        var reversed = 0
        var canceled = 0
        var refused = 0
        var transfers = 0
        var found = 0
        var faults: [String] = []
    }

    private func compare(_ plan: PayoutPlan, _ server: PayoutServer, _ stripe: TestStripeServer) async throws -> Result
    {
        var result = Result()
        let transfers: [StripeTransfer] = stripe.objects()
        let groups = Dictionary(grouping: transfers) { $0.transferGroup ?? "" }
        result.transfers = transfers.count
        let (payouts, overview, lookUps) = try await server.app.database.read { [app = server.app] transaction in
            (
                try app.billing.payouts.payouts(PayoutFilter(), limit: 10 * plan.count, offset: 0, in: transaction)
                    .rows,
                try app.billing.finance.overview(in: transaction),
                try transaction.count(
                    """
                    SELECT COUNT(*) AS count FROM provider_calls
                    WHERE state = 'done' AND purpose = 'payout.transfer'
                        AND settled_at > first_sent_at + \(Duration.hours(23).microseconds)
                    """)
            )
        }
        result.found = Int(lookUps)
        // Others are what remains of payouts in whole units.
        let subjects = Set(payouts.filter { $0.purpose == PayoutPlan.purpose }.map(\.subject))
        if subjects.count != plan.count {
            result.faults.append("\(subjects.count) of \(plan.count) subjects have a payout")
        }
        for payout in payouts {
            let made = groups[payout.id.text] ?? []
            let isRight: Bool
            switch payout.state {
            case .transferred:
                result.transferred += 1
                isRight =
                    made.count == 1 && made[0].id == payout.transfer && made[0].amountReversed.minorUnits == 0
                    && made[0].amount == Money(payout.net, payout.amount.currency)
            case .reversed:
                result.reversed += 1
                isRight = made.count == 1 && made[0].isReversed
            case .canceled:
                result.canceled += 1
                isRight = made.isEmpty
            case .refused:
                result.refused += 1
                isRight = made.isEmpty
            default: isRight = false
            }
            if !isRight {
                result.faults.append("payout \(payout.id) is \(payout.state), with \(made.count) transfers")
            }
        }
        let known = Set(payouts.map(\.id.text))
        for group in groups.keys where !known.contains(group) {
            result.faults.append("a transfer of the group '\(group)' belongs to no payout")
        }
        for currency in PayoutPlan.currencies {
            let totals = stripe.totals[currency.code] ?? TestStripeTotals()
            guard let own = overview.first(where: { $0.currency == currency }) else {
                result.faults.append("the ledger has no \(currency.code)")
                continue
            }
            if own.transferred != totals.transferred - totals.reversed {
                result.faults.append(
                    "\(currency.code): the ledger has \(own.transferred) transferred, the provider "
                        + "\(totals.transferred - totals.reversed)")
            }
            let atProvider = own.received - own.transferred - own.refunded
            if atProvider != totals.balance {
                result.faults.append(
                    "\(currency.code): the ledger has \(atProvider) at the provider, "
                        + "which has \(totals.balance)")
            }
            if own.payoutPending != 0 {
                result.faults.append("\(currency.code): \(own.payoutPending) are pending without a payout")
            }
        }
        return result
    }
}
