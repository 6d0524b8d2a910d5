import Modules

/// How long a bucket refuses attempts after a number of failures.
enum LoginThrottleRule: Sendable, Equatable {
    /// The first `free` failures have no effect; each further one doubles the delay, from 15 seconds to 15 minutes.
    case growing(free: Int64)
    /// The failure with this number refuses attempts for a time; after that the count restarts.
    case closing(after: Int64, for: Duration)

    static let delayMin: Duration = .seconds(15)
    static let delayMax: Duration = .minutes(15)

    func delay(after failures: Int64) -> Duration {
        switch self {
        case .growing(let free):
            guard failures > free else { return .zero }
            // 16 doublings exceed `delayMax`, and bound the shift.
            let doublings = min(failures - free - 1, 16)
            return min(Self.delayMin * (1 << Int(doublings)), Self.delayMax)
        case .closing(let limit, let time): return failures >= limit ? time : .zero
        }
    }

    /// Whether the next failure counts as the first.
    func restarts(after failures: Int64) -> Bool {
        guard case .closing(let limit, _) = self else { return false }
        return failures >= limit
    }
}

/// The reaction of an installation to failed login attempts.
package enum Lockout: String, Sendable, CaseIterable {
    /// The delay grows with the failures. Devices and networks that the owner has signed in from are not delayed by
    /// failures elsewhere.
    case adaptive
    /// Five failures, from whatever networks, lock the account for 30 minutes. Any client can lock any account.
    case strict
}
