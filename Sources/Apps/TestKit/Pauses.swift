import Synchronization

/// The waits between attempts, which take no time.
package final class Pauses: Sendable {
    private let recorded = Mutex<[Duration]>([])

    package init() {}

    package var all: [Duration] { recorded.withLock { $0 } }

    package func add(_ duration: Duration) { recorded.withLock { $0.append(duration) } }
}
