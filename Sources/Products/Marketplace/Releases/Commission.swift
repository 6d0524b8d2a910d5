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

    /// The part of an amount in minor units, rounded to the nearest unit, halves up.
    /// - Parameter minorUnits: 0 or more, at most ``MarketplaceLimits/amountMinorMax`` for each booking of an event.
    func part(of minorUnits: Int64) -> Int64 { (minorUnits * basisPoints + 5_000) / 10_000 }
}
