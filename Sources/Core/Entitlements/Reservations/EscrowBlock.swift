import Modules
import Synchronization

/// Units that this node holds durably and spends in memory.
final class EscrowBlock: Sendable {
    let id: ID<Reservation>
    private let units: Int64
    private let openedAt: ContinuousClock.Instant
    private let left: Atomic<Int64>

    /// - Parameters:
    ///   - spent: units that are promised to callers already.
    ///   - openedAt: before its lease began.
    init(_ id: ID<Reservation>, units: Int64, spent: Int64, openedAt: ContinuousClock.Instant) {
        self.id = id
        self.units = units
        self.openedAt = openedAt
        left = Atomic(units - spent)
    }

    /// - Returns: false when there are not so many left, or when the block is sealed or near the end of its lease.
    func take(_ count: Int64) -> Bool {
        guard age < Escrow.usableFor else { return false }
        var seen = left.load(ordering: .relaxed)
        while seen >= count {
            let (isExchanged, original) = left.weakCompareExchange(
                expected: seen, desired: seen - count, ordering: .relaxed)
            if isExchanged { return true }
            seen = original
        }
        return false
    }

    /// Nobody takes from it any more.
    /// - Returns: how many units were taken; nil where it was sealed before.
    func seal() -> Int64? {
        let rest = left.exchange(.min, ordering: .acquiringAndReleasing)
        return rest == .min ? nil : units - rest
    }

    var age: Duration { .now - openedAt }
    var isTouched: Bool { left.load(ordering: .relaxed) < units }
}
