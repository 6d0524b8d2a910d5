import Synchronization

/// Counts calls of several tasks and threads.
package final class Counter: Sendable {
    private let value = Atomic(0)

    package init() {}

    package var count: Int { value.load(ordering: .acquiring) }

    /// - Returns: 1 for the first call, 2 for the second.
    @discardableResult
    package func next() -> Int { value.add(1, ordering: .acquiringAndReleasing).newValue }
}
