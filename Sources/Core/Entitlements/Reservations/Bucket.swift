import Identity
import Modules

/// A counter: one meter of one organisation in one period.
package struct Bucket: Sendable, Hashable {
    let organisation: ID<Organisation>
    let meter: String
    let periodStart: Instant

    /// Storage is a level, not a count per period: its one bucket has the period start 0.
    static let storageMeter = "storage"

    static func storage(of organisation: ID<Organisation>) -> Bucket {
        Bucket(organisation: organisation, meter: storageMeter, periodStart: Instant(microseconds: 0))
    }

    /// Transactions that lock several buckets lock them in the order of these keys, which prevents deadlocks.
    var lockKey: String { "quota/\(organisation)/\(meter)/\(periodStart.microseconds)" }
}

/// The counts of a bucket: units that are used, and units that are reserved for work in progress.
package struct Level: Sendable, Hashable {
    package var used: Int64 = 0
    package var held: Int64 = 0
}

extension Level {
    /// The units that are left of a limit; −1 where the limit is unlimited.
    func remaining(of limit: Limit) -> Int64 { limit == .unlimited ? -1 : max(0, limit.value - used - held) }
}
