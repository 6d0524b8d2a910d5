/// Exact shares of whole units.
enum Proportion {
    /// `amount` · `numerator` / `denominator`, rounded to the nearest unit, halves away from zero.
    /// - Parameter denominator: above zero.
    static func rounded(_ amount: Int64, times numerator: Int64, over denominator: Int64) -> Int64 {
        precondition(denominator > 0, "a denominator is above zero")
        let product = Int128(amount) * Int128(numerator)
        let (quotient, remainder) = product.quotientAndRemainder(dividingBy: Int128(denominator))
        let isUp = 2 * remainder.magnitude >= Int128(denominator).magnitude
        return Int64(quotient + (isUp ? product.signum() : 0))
    }

    /// Divides `amount` in proportion to `weights`, without a unit too many or too few. The units that do not divide
    /// go to the largest remainders, and among equal ones to the first.
    /// - Parameters:
    ///   - amount: 0 or more; below 0, the parts are those of its magnitude with the other sign.
    ///   - weights: 0 or more; all zero only for the amount 0.
    static func parts(of amount: Int64, by weights: [Int64]) -> [Int64] {
        let total = weights.reduce(0) { $0 + Int128($1) }
        guard total > 0, amount != 0 else {
            precondition(amount == 0, "an amount is divided by weights above zero")
            return weights.map { _ in 0 }
        }
        let magnitude = Int128(amount).magnitude
        var parts = weights.map { UInt128($0) * magnitude / total.magnitude }
        let missing = Int(magnitude - parts.reduce(0, +))
        let remainders = weights.map { UInt128($0) * magnitude % total.magnitude }
        for index in remainders.indices.sorted(by: { (remainders[$1], $0) < (remainders[$0], $1) }).prefix(missing) {
            parts[index] += 1
        }
        return parts.map { amount < 0 ? -Int64($0) : Int64($0) }
    }
}
