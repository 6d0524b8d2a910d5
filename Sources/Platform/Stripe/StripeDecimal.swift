/// Decimal fractions as text, without a binary float.
enum StripeDecimal {
    /// - Parameters:
    ///   - value: 0 or more, such as 1,925 hundredths.
    ///   - decimals: of `value`, 1 or more.
    /// - Returns: such as `19.25`.
    static func text(_ value: Int64, decimals: Int) -> String {
        let digits = String(value)
        let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
        return "\(padded.dropLast(decimals)).\(padded.suffix(decimals))"
    }
}
