import Synchronization

/// The tokens that a service has counted for a stream so far, also where its reader is cancelled.
final class CountedUsage: Sendable {
    private let stored = Mutex<ModelUsage?>(nil)

    var value: ModelUsage? {
        get { stored.withLock { $0 } }
        set { stored.withLock { $0 = newValue } }
    }
}
