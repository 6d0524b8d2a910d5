import Modules
import Synchronization

/// Units that this node has reserved durably and spends in memory.
final class EscrowBlock: Sendable {
    let id: ID<Reservation>
    private let units: Int64
    private let openedAt: ContinuousClock.Instant
    private let left: Atomic<Int64>

    /// - Parameters:
    ///   - spent: units of charges that are granted already.
    ///   - openedAt: a moment before the lease began.
    init(_ id: ID<Reservation>, units: Int64, spent: Int64, openedAt: ContinuousClock.Instant) {
        self.id = id
        self.units = units
        self.openedAt = openedAt
        left = Atomic(units - spent)
    }

    /// - Returns: false when fewer units are left, the block is sealed, or its lease is about to end.
    func take(_ count: Int64) -> Bool {
        guard age < EscrowService.usableFor else { return false }
        var seen = left.load(ordering: .relaxed)
        while seen >= count {
            let (isExchanged, original) = left.weakCompareExchange(
                expected: seen, desired: seen - count, ordering: .relaxed)
            if isExchanged { return true }
            seen = original
        }
        return false
    }

    /// Makes every later ``take(_:)`` fail.
    /// - Returns: how many units were spent; nil where the block was sealed before.
    func seal() -> Int64? {
        let rest = left.exchange(.min, ordering: .acquiringAndReleasing)
        return rest == .min ? nil : units - rest
    }

    var age: Duration { .now - openedAt }
    var isTouched: Bool { left.load(ordering: .relaxed) < units }
}
