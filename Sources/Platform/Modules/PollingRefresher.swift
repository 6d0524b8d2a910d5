import Base
package import ServiceLifecycle
import Telemetry

/// Something that is kept in memory and that other nodes may change: it looks at the database twice a second for as
/// long as the process answers, so that it knows within a second what they did.
package protocol PollingRefresher: Service {
    /// What it keeps, as a log line begins with it: "Revocations".
    var subject: String { get }
    var logger: Logger { get }
    /// Looks once.
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
