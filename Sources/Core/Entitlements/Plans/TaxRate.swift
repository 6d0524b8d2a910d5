package import Modules

/// A tax on what is sold to one country, as the file of plans says: nothing here knows which taxes are due.
package struct TaxRate: Sendable, Hashable {
    /// As invoices show it, such as `IGST`.
    package let name: String
    /// In millionths of the price: 18 % are 180,000.
    package let millionths: Int64
    /// Whether prices contain the tax. A tax that they do not contain is added to them.
    package let isInclusive: Bool

    /// - Parameter millionths: 1 to 1,000,000.
    package init(_ name: String, millionths: Int64, isInclusive: Bool) {
        precondition((1...1_000_000).contains(millionths), "a tax is above 0 and at most 100 %")
        self.name = name
        self.millionths = millionths
        self.isInclusive = isInclusive
    }

    /// In percent: 18, or 8.875.
    package var percent: DecimalNumber { DecimalNumber(millionths, fractionDigits: 4) }
}
