import NIOCore
import Synchronization

/// The little that the loop of a connection and its guard have to know of each other between parts.
final class ConnectionState: Sendable {
    private let draining = Atomic(false)
    /// Uptime in nanoseconds; 0 while nobody waits.
    private let bodyAwaitedSince = Atomic<UInt64>(0)

    /// The server is shutting down: the next answer is the connection's last.
    var isDraining: Bool { draining.load(ordering: .relaxed) }
    func drain() { draining.store(true, ordering: .relaxed) }

    /// Since when somebody has been waiting for more of a body; nil where a slow body would be nobody's loss.
    var waitingForBodySince: NIODeadline? {
        let since = bodyAwaitedSince.load(ordering: .relaxed)
        return since == 0 ? nil : .uptimeNanoseconds(since)
    }
    func waitForBody(since: NIODeadline) { bodyAwaitedSince.store(since.uptimeNanoseconds, ordering: .relaxed) }
    func stopWaitingForBody() { bodyAwaitedSince.store(0, ordering: .relaxed) }
}
