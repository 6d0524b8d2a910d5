import App
import ArgumentParser
import Billing
import Foundation
import Modules
import TestKit

/// One process of the proof of payouts. It begins, sends, cancels and takes back the payouts of the plan, in an order
/// of its own, until each is what it is to come to or its outcome is unknown, or until it is killed.
struct PayoutWorkCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "payout-work", shouldDisplay: false)

    @Option var folder: String
    @Option var database: String
    @OptionGroup var provider: BenchProvider
    @Option var seed: UInt64
    @Option var tasks = 8
    /// The number of writes after which the process kills itself; 0 for none.
    @Option var writes = 0

    private static let passes = 2

    func run() async throws {
        let parent = getppid()
        var random = SplitMix(seed: seed)
        let countdown = KilledDatabase.Countdown(isAfterCommit: random.next() % 2 == 0)
        let server = try await PayoutServer(
            folder: folder, database: database, provider: provider,
            databaseWrapper: { KilledDatabase($0, countdown) })
        let plan = try server.plan()
        let numbers = Array(0..<plan.count).shuffled(using: &random)
        StartMark(of: getpid(), in: folder).write()
        countdown.begin(writes)
        // What is open then is left to the proof: outcomes that are unknown, and payouts whose call another process was
        // sending when it was killed, which wait for the end of its lease.
        for _ in 0..<Self.passes {
            let next = Counter()
            await withTaskGroup(of: Void.self) { [tasks] group in
                for _ in 0..<tasks {
                    group.addTask {
                        while getppid() == parent {
                            let index = next.next() - 1
                            guard index < numbers.count else { return }
                            // An error, such as that of a busy database, is followed by the next pass.
                            try? await work(numbers[index], plan, server.app)
                        }
                    }
                }
            }
        }
    }

    private func work(_ number: Int, _ plan: PayoutPlan, _ app: App) async throws {
        let (payouts, database, subject) = (app.billing.payouts, app.database, plan.subject(number))
        let new = plan.payout(number)
        let known = try await database.read { try payouts.payout(of: PayoutPlan.purpose, subject, in: $0) }
        if let known, known.state.isFinal || known.state == .refused { return }
        let payout =
            if let known { known } else {
                try await database.write { transaction in
                    // Another process may have begun, or begun and canceled it.
                    if let known = try payouts.payout(of: PayoutPlan.purpose, subject, in: transaction) {
                        return known
                    }
                    return try payouts.begin(new, in: transaction).payout
                }
            }
        switch plan.end(number) {
        case .canceled:
            if payout.state == .reserved {
                try await database.write { try payouts.cancel(payout.id, reason: "not wanted", in: $0) }
            }
        case .transferred: _ = try await payouts.send(payout.id, waitingUpTo: .milliseconds(100))
        case .reversed:
            let sent = try await payouts.send(payout.id, waitingUpTo: .milliseconds(100))
            if sent.state == .transferred {
                try await database.write { try payouts.reverse(payout.id, reason: "an error", in: $0) }
            }
            guard sent.state == .transferred || sent.state == .reversing else { return }
            _ = try await payouts.reversal(of: payout.id, waitingUpTo: .milliseconds(100))
        }
    }
}
