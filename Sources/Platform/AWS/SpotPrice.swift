package import Base

/// The price of a spot pool from a moment on.
package struct SpotPrice: Sendable, Hashable {
    package let instanceType: String
    package let availabilityZone: String
    /// Such as `Linux/UNIX`.
    package let product: String
    package let time: Instant
    /// Millionths of a US dollar an hour.
    package let microdollars: Int64

    package init(
        instanceType: String, availabilityZone: String, product: String, time: Instant, microdollars: Int64
    ) {
        self.instanceType = instanceType
        self.availabilityZone = availabilityZone
        self.product = product
        self.time = time
        self.microdollars = microdollars
    }

    init?(_ element: ResponseElement) {
        guard let type = element.string("instanceType"), let zone = element.string("availabilityZone"),
            let time = element.string("timestamp").flatMap({ Instant($0) }),
            let price = element.string("spotPrice").flatMap(Self.microdollars)
        else { return nil }
        self.init(
            instanceType: type, availabilityZone: zone, product: element.string("productDescription") ?? "",
            time: time, microdollars: price)
    }

    /// Reads an amount in dollars, such as `0.034000`, exactly.
    /// - Returns: nil for a negative amount, for a million dollars and more, for more than six decimals that are not
    ///   0, and for any other text.
    package static func microdollars(_ text: some StringProtocol) -> Int64? {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let dollars = Self.number(parts[0]), dollars < 1_000_000 else { return nil }
        guard parts.count == 2 else { return dollars * 1_000_000 }
        guard Self.number(parts[1].prefix(18)) != nil, parts[1].count <= 18,
            parts[1].dropFirst(6).allSatisfy({ $0 == "0" })
        else { return nil }
        let six = String(parts[1].prefix(6))
        return Self.number(six + String(repeating: "0", count: 6 - six.count)).map { dollars * 1_000_000 + $0 }
    }

    private static func number(_ digits: some StringProtocol) -> Int64? {
        guard (1...18).contains(digits.utf8.count),
            digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { return nil }
        return Int64(digits)
    }
}
