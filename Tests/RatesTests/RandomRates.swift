import TestKit

@testable import Rates

extension SplitMix {
    /// One to four random rates with different windows, from a millisecond to an hour.
    mutating func rates() -> Rates {
        let windows: [Duration] = [.milliseconds(1), .milliseconds(37), .seconds(1), .seconds(60), .seconds(3_600)]
        let chosen = windows.shuffled(using: &self).prefix(Int.random(in: 1...4, using: &self))
        let all = chosen.map { window in
            let limit = Int64.random(in: 1...20, using: &self)
            let burst = Bool.random(using: &self) ? limit : Int64.random(in: 1...30, using: &self)
            return Rate(limit, per: window, burst: burst)
        }
        return Rates(all.compactMap(\.self)) ?? Rates(.perSecond(1))
    }
}
