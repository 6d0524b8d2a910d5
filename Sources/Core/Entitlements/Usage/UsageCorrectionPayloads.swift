import Identity
import Modules

/// A correction of an organisation's usage in its current period, as an entry of its own.
struct UsageCorrection: Payload {
    var meter: String
    /// Added to the used units; negative units are subtracted.
    var units: Int64
    /// Shown in the export of the organisation's usage.
    var reason: String

    static let rules: [String: Rule] = [
        "meter": .length(1...64), "units": .range(-UsageEvent.amountMax...UsageEvent.amountMax),
        "reason": .length(1...255),
    ]
}

struct UsageCorrectionView: Payload {
    var organisationId: ID<Organisation>
    var meter: String
    var units: Int64
    var reason: String
    /// The period that the units are counted in.
    var periodStart: Instant
    var recordedAt: Instant
}

/// A correction that was recorded.
struct RecordedCorrection: Sendable {
    let fingerprint: String
    let view: UsageCorrectionView
}
