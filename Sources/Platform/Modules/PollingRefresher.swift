import Base
package import ServiceLifecycle
import Telemetry

/// A service that refreshes in-memory state which other nodes may change. It polls the database every 500 ms, so that a
/// change is visible here within a second.
package protocol PollingRefresher: Service {
    /// The state, as the beginning of a log line: "Revocations".
    var subject: String { get }
    var logger: Logger { get }
    /// Polls once.
    func synchronize() async throws(Problem)
}

extension PollingRefresher {
    package func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            while !Task.isCancelled {
                do { try await synchronize() } catch {
                    logger.warning("\(subject) could not be read; trying again.", metadata: ["cause": "\(error)"])
                }
                try? await Task.sleep(for: .milliseconds(500))
            }
        }
    }
}
