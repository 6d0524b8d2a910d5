import Foundation
import TestKit

/// Processes of a proof that are killed at random times or kill themselves at one of their writes, and are started again
/// until each ends by itself.
struct KilledWorkers {
    let folder: String
    let count: Int
    /// The most kills before the processes are left to end.
    let killsMax: Int
    /// The most writes of a process before it kills itself.
    let writesMax: Int
    /// The subcommand and the options that all processes have. Each gets `--seed` and `--writes` too, and writes its
    /// ``StartMark`` when it begins.
    let arguments: [String]
    let seed: UInt64

    /// On a busy machine a process may fail at its start: it has changed nothing then.
    private static let failuresMax = 5

    /// A process, and when it is killed.
    private struct Worker {
        let child: Child
        /// Nil for one that kills itself at a write, and for one that is left to end.
        let life: Duration?
        /// Set when the process has started.
        var end: ContinuousClock.Instant?
    }

    /// - Parameter kills: counts them.
    func run(counting kills: Counter) async throws {
        var random = SplitMix(seed: seed)
        var failures = 0
        func start() throws -> Worker {
            let (isLeft, killsItself) = (kills.count >= killsMax, random.next() % 2 == 0)
            let writes = isLeft || !killsItself ? 0 : Int(random.next() % UInt64(writesMax)) + 1
            let life = isLeft || killsItself ? nil : Duration.milliseconds(Int64(50 + random.next() % 1_500))
            let child = try Child.own(arguments + ["--seed", "\(random.next())", "--writes", "\(writes)"])
            return Worker(child: child, life: life)
        }
        var workers: [Worker?] = []
        for _ in 0..<count { workers.append(try start()) }
        while workers.contains(where: { $0 != nil }) {
            try await Task.sleep(for: .milliseconds(10))
            for index in workers.indices {
                guard var worker = workers[index] else { continue }
                if !worker.child.isRunning {
                    if worker.child.wasKilled {
                        kills.next()
                        workers[index] = try start()
                    } else {
                        workers[index] = nil
                        do { try worker.child.end() } catch {
                            failures += 1
                            guard failures <= Self.failuresMax else { throw error }
                            workers[index] = try start()
                        }
                    }
                } else if let end = worker.end {
                    guard ContinuousClock.now >= end else { continue }
                    worker.child.kill()
                    kills.next()
                    workers[index] = try start()
                } else if let life = worker.life, StartMark(of: worker.child.identifier, in: folder).exists {
                    worker.end = ContinuousClock.now + life
                    workers[index] = worker
                }
            }
        }
    }
}
