import App
import ArgumentParser
import Billing
import Foundation
import Modules
import TestKit

/// Makes payouts for a time, in a process of its own; prints one JSON value.
struct ReleaseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "release", shouldDisplay: false)

    @Option var folder: String
    @Option var database: String
    @OptionGroup var provider: BenchProvider
    @Option var tasks: Int
    @Option var seconds: Int
    /// The number of the first payout of the plan.
    @Option var first: Int

    struct Result: Codable {
        let begun: Int
        let transferred: Int
        let seconds: Double
        let processorSeconds: Double
    }

    func run() async throws {
        let server = try await PayoutServer(folder: folder, database: database, provider: provider)
        let plan = try server.plan()
        let (begun, transferred) = (Counter(), Counter())
        let before = ProcessTimes(of: "self")?.own ?? .nan
        let start = ContinuousClock.now
        let end = start + .seconds(seconds)
        try await withThrowingTaskGroup(of: Void.self) { [app = server.app, first, tasks] group in
            for _ in 0..<tasks {
                group.addTask {
                    while ContinuousClock.now < end {
                        let new = plan.payout(first + begun.next() - 1)
                        let payout = try await app.database.write { try app.billing.payouts.begin(new, in: $0) }.payout
                        let sent = try await app.billing.payouts.send(payout.id)
                        if sent.state == .transferred { transferred.next() }
                    }
                }
            }
            try await group.waitForAll()
        }
        let result = Result(
            begun: begun.count, transferred: transferred.count, seconds: (ContinuousClock.now - start).inSeconds,
            processorSeconds: (ProcessTimes(of: "self")?.own ?? .nan) - before)
        await server.app.close()
        FileHandle.standardOutput.write(try JSONEncoder().encode(result))
    }
}
