import Billing
import Modules

/// The platform's part of an amount.
package struct Commission: Sendable, Hashable {
    /// Hundredths of a per cent, 0 or more and less than 10,000.
    package let basisPoints: Int64

    package init(basisPoints: Int64) {
        precondition((0..<10_000).contains(basisPoints), "a commission is less than the amount")
        self.basisPoints = basisPoints
    }

    package static let usual = Commission(basisPoints: 1_000)

    /// The part of an amount, in minor units: rounded to the nearest amount that can be paid in its currency, halves
    /// up, and less than the whole.
    /// - Parameter amount: 0 or more, at most ``MarketplaceLimits/amountMinorMax`` for each booking of an event.
    func part(of amount: Money) -> Int64 {
        let step = amount.currency.paymentStep
        let rounded = (amount.minorUnits * basisPoints + 5_000 * step) / (10_000 * step) * step
        return max(0, min(rounded, amount.minorUnits - step))
    }
}
