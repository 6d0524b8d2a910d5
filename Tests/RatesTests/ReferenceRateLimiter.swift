@testable import Rates

/// The definition of a rate, without optimization: every allowed request is kept. A request is allowed when no interval
/// of time that ends with it contains more units than the burst and the units that the rate adds in that interval.
struct ReferenceRateLimiter {
    let rates: Rates
    private(set) var allowed: [(time: Int64, cost: Int64)] = []

    init(_ rates: Rates) { self.rates = rates }

    func allows(_ cost: Int64, at now: Int64) -> Bool {
        rates.all.allSatisfy { rate in
            guard cost <= rate.burst else { return false }
            var sum = cost
            for request in allowed.reversed() {
                sum += request.cost
                if (sum - rate.burst) * rate.interval > now - request.time { return false }
            }
            return true
        }
    }

    mutating func take(_ cost: Int64, at now: Int64) -> Bool {
        guard allows(cost, at: now) else { return false }
        allowed.append((now, cost))
        return true
    }
}
