import Synchronization
import TestKit

@testable import Rates

extension SplitMix {
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

/// What a rate promises, said once more without any cleverness: all that was ever admitted is kept, and a call passes when in no stretch of time
/// that ends with it more would have passed than the burst and what the rate adds in that time.
struct Reference {
    let rates: Rates
    private(set) var admitted: [(time: Int64, cost: Int64)] = []

    init(_ rates: Rates) { self.rates = rates }

    func allows(_ cost: Int64, at now: Int64) -> Bool {
        rates.all.allSatisfy { rate in
            guard cost <= rate.burst else { return false }
            var sum = cost
            for call in admitted.reversed() {
                sum += call.cost
                if (sum - rate.burst) * rate.interval > now - call.time { return false }
            }
            return true
        }
    }

    mutating func take(_ cost: Int64, at now: Int64) -> Bool {
        guard allows(cost, at: now) else { return false }
        admitted.append((now, cost))
        return true
    }
}

/// A clock that stands still until it is told otherwise.
final class HandClock: Sendable {
    private let time = Atomic<Int64>(1_000_000_000)
    var now: Int64 { time.load(ordering: .relaxed) }
    func advance(by duration: Duration) { time.wrappingAdd(Int64(duration / .microseconds(1)), ordering: .relaxed) }
}
