import Synchronization

/// A flag that the first caller of ``take()`` sets.
final class Once: Sendable {
    private let isSet = Mutex(false)
    var isTaken: Bool { isSet.withLock { $0 } }
    /// - Returns: whether this call is the first.
    func take() -> Bool {
        isSet.withLock { isSet in
            defer { isSet = true }
            return !isSet
        }
    }
}
