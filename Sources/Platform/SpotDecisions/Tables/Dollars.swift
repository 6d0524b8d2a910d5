/// Amounts in dollars as text.
enum Dollars {
    /// Reads an amount such as `0.0340` exactly, in millionths.
    /// - Returns: nil for a negative amount, for a million dollars and more, for more than six decimals, and for any
    ///   other text.
    static func microdollars(_ text: some StringProtocol) -> Int64? {
        var (amount, digits, decimals) = (Int64(0), 0, -1)
        for byte in text.utf8 {
            if byte == UInt8(ascii: "."), decimals < 0, digits > 0 {
                decimals = 0
            } else if (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte), digits < 12, decimals < 6 {
                amount = amount * 10 + Int64(byte - UInt8(ascii: "0"))
                digits += 1
                if decimals >= 0 { decimals += 1 }
            } else {
                return nil
            }
        }
        guard digits > 0, decimals != 0 else { return nil }
        for _ in max(0, decimals)..<6 { amount *= 10 }
        return amount < 1_000_000_000_000 ? amount : nil
    }
}
