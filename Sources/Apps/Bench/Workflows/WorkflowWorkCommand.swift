import App
import ArgumentParser
import Foundation
import Modules
import TestKit

/// One process of the proof of workflows. It runs jobs until everything was submitted and all workflows have ended or
/// wait for a person, or until it is killed.
struct WorkflowWorkCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "workflow-work", shouldDisplay: false)

    @Option var folder: String
    @Option var database: String
    @Option var seed: UInt64
    /// The number of writes after which the process kills itself; 0 for none.
    @Option var writes = 0

    func run() async throws {
        let parent = getppid()
        var random = SplitMix(seed: seed)
        let countdown = KilledDatabase.Countdown(isAfterCommit: random.next() % 2 == 0)
        let server = try await WorkflowServer(
            folder: folder, database: database, databaseWrapper: { KilledDatabase($0, countdown) })
        StartMark(of: getpid(), in: folder).write()
        countdown.begin(writes)
        try await server.runningJobs {
            while getppid() == parent {
                let isSubmitted = SubmissionMark(in: folder).exists
                // A count that fails, such as of a busy database, is followed by the next one.
                if isSubmitted, (try? await server.countActive()) == 0 { return }
                try await Task.sleep(for: .milliseconds(50))
            }
        }
    }
}
