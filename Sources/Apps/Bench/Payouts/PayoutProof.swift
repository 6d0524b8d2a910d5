import App
import Billing
import Foundation
import Modules
import Stripe
import TestKit
import TestStripe

/// Two processes that pay out the same list, are killed at random times and at each of their writes, and whose requests
/// the provider answers with faults. Afterwards each payout has one transfer at the provider, or none and its money is
/// back; and the ledger equals what the provider has counted, to the cent in each currency.
struct PayoutProof {
    let folder: String
    let database: String
    let engine: ProveCommand.Engine
    let count: Int
    let seed: UInt64

    private static let processes = 2
    /// Of the requests with an effect, in thousandths.
    private static let faults: UInt64 = 100
    /// The most kills before the processes are left to end.
    private static let killsMax = 400

    /// - Returns: the number of violations.
    func run(_ write: (String) -> Void) async throws -> Int {
        write(
            "\(engine): \(count) payouts in \(PayoutPlan.currencies.count) currencies, \(Self.processes) processes, "
                + "faults in \(Self.faults / 10) % of the requests; seed \(seed)")
        let offset = OffsetClock()
        let stripe = try await TestStripeServer.start(now: { offset.now })
        let server = try await PayoutServer(
            folder: folder, database: database, provider: stripe.url, key: stripe.secretKey)
        let plan = try await server.prepare(count, stripe, isRestricted: true)
        let started = ContinuousClock.now
        stripe.failAtRandom(thousandths: Self.faults, seed: seed)
        let kills = try await work(stripe)
        let rate = Double(count) / (ContinuousClock.now - started).inSeconds
        var found = try await allInvariants.faults(in: server.app.database)
        try await settle(server, stripe, offset)
        found += try await allInvariants.faults(in: server.app.database)
        let result = try await compare(plan, server, stripe)
        found += result.faults
        for fault in Set(found).sorted().prefix(20) { write("  ✘ \(fault)") }
        write(
            """
              payouts \(count) (\(Int(rate)) a second), kills \(kills), transferred \(result.transferred), \
            reversed \(result.reversed), canceled \(result.canceled), refused \(result.refused)
              transfers at the provider \(result.transfers), of which \(result.found) were found by their group
              violations \(found.count)
            """)
        await server.app.close()
        await stripe.stop()
        return found.count
    }

    /// Runs the processes until they end by themselves, and kills and restarts them meanwhile.
    /// - Returns: the number of kills.
    private func work(_ stripe: TestStripeServer) async throws -> Int {
        var random = SplitMix(seed: seed)
        var kills = 0
        func start() throws -> Child {
            // Every second process kills itself at one of its writes.
            let writes = kills < Self.killsMax && random.next() % 2 == 0 ? Int(random.next() % 400) + 1 : 0
            return try Child.own([
                "payout-work", "--folder", folder, "--database", database, "--provider", stripe.url, "--key",
                stripe.secretKey, "--seed", "\(random.next())", "--writes", "\(writes)",
            ])
        }
        var children: [Child?] = []
        for _ in 0..<Self.processes { children.append(try start()) }
        let clock = ContinuousClock()
        var nextKill = clock.now + .milliseconds(1_500)
        while children.contains(where: { $0 != nil }) {
            try await Task.sleep(for: .milliseconds(20))
            for (index, child) in children.enumerated() {
                guard let child, !child.isRunning else { continue }
                do {
                    try child.end()
                    children[index] = nil
                } catch {
                    kills += 1
                    children[index] = try start()
                }
            }
            if clock.now > nextKill, kills < Self.killsMax, let index = children.indices.randomElement(using: &random),
                let child = children[index]
            {
                child.kill()
                kills += 1
                children[index] = try start()
                nextKill = clock.now + .milliseconds(Int64(500 + random.next() % 1_500))
            }
        }
        return kills
    }

    /// Runs the jobs until no outcome is unknown: first within the lifetime of the provider's keys, then after it, when
    /// transfers are looked up.
    private func settle(_ server: PayoutServer, _ stripe: TestStripeServer, _ offset: OffsetClock) async throws {
        stripe.failAtRandom(thousandths: Self.faults, seed: seed &+ 1)
        for hours in [1, 13, 25, 27, 29, 31, 33] as [Int64] {
            if hours > 24 { stripe.expireKeys() }
            if hours > 27 { stripe.stopFailing() }
            server.clock.set(offset: .hours(hours))
            offset.set(offset: .hours(hours))
            try await server.app.runner.runUntilIdle()
        }
    }

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
        if Set(payouts.map(\.subject)).count != plan.count {
            result.faults.append("\(Set(payouts.map(\.subject)).count) of \(plan.count) subjects have a payout")
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
