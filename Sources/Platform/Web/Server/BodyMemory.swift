import Synchronization

/// The memory that the collected bodies of all connections take together.
final class BodyMemory: Sendable {
    private let limit: Int
    private let reserved = Atomic(0)

    /// - Parameter limit: in bytes.
    init(limit: Int) { self.limit = limit }

    /// - Returns: false where the bodies would exceed the limit; nothing is reserved then.
    func reserve(_ bytes: Int) -> Bool {
        guard reserved.add(bytes, ordering: .relaxed).newValue > limit else { return true }
        reserved.subtract(bytes, ordering: .relaxed)
        return false
    }

    func release(_ bytes: Int) { reserved.subtract(bytes, ordering: .relaxed) }

    var reservedBytes: Int { reserved.load(ordering: .relaxed) }
}
